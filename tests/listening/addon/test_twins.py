"""One event that comes by the add-on and by a webhook in the room, both at the same time."""
import io
import json
import logging
import time
from types import SimpleNamespace
from unittest import mock

import eventlet
import jwt
import pytest
from eventlet.event import Event
from support.context import make_context
from support.waiting import wait_until

from hipchat.api.credentials import Integration
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening.operations.health import Health
from listening.http.receiver import Receiver
from listening.spool import SpoolError

CLIENT = Integration("id of the installation", "the secret of the installation of the add-on")
BY_ADDON = "http://st2/addon/room_enter"


class Disk:
    """A spool that is done with a delivery when the test says so."""

    hangs = False

    def __init__(self):
        self.inserts = []

    def insert(self, delivery):
        self.inserts.append(Event())
        return self.inserts[-1].wait()

    def reached(self, count):
        """Whether so many deliveries have come as far as here."""
        wait_until(lambda: len(self.inserts) >= count)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def health():
    return Health(logging.getLogger("twins"))


@pytest.fixture
def deliver(disk, health):
    """Deliver that Ann entered, by the add-on or by the webhook: a greenlet, for the status."""
    context = make_context(health=health)
    settings = context.settings
    urls = WebhookUrl(settings.public_url, settings.secret)
    addon = SimpleNamespace(
        event_of=lambda url: "room_enter" if url == BY_ADDON else None, hears=False,
        credentials=CLIENT, heard=lambda: None)
    receiver = Receiver(context=context, urls=urls, addon=addon, intake=disk,
                        note_leftover=mock.Mock(), request_check=mock.Mock())
    receiver.accepting = True
    by_webhook = urls.make(Address("room_enter", 1001))
    body = json.dumps({"event": "room_enter", "item": {
        "sender": {"id": 2002, "name": "Ann"}, "room": {"id": 1001, "name": "Factor"}}}).encode()
    token = jwt.encode({"iss": CLIENT.id, "exp": time.time() + 3600}, CLIENT.secret,
                       algorithm="HS256")

    def answer(by_addon):
        started = []
        receiver({"REMOTE_ADDR": "127.0.0.1", "REQUEST_METHOD": "POST",
                  "RAW_PATH_INFO": (BY_ADDON if by_addon else by_webhook)[len("http://st2"):],
                  "HTTP_AUTHORIZATION": "JWT " + token, "CONTENT_LENGTH": str(len(body)),
                  "wsgi.input": io.BytesIO(body), "hipchat.arrived": lambda: None},
                 lambda status, headers: started.append(int(status.split()[0])))
        return started[0]

    with eventlet.Timeout(60):
        yield lambda by_addon: eventlet.spawn(answer, by_addon)


@pytest.mark.parametrize("by_addon", [True, False], ids=["the add-on first", "the webhook first"])
def test_is_kept_once(deliver, disk, health, by_addon):
    first = deliver(by_addon)
    disk.reached(1)
    second = deliver(not by_addon)
    eventlet.sleep(0)
    disk.inserts[0].send(True)
    assert (first.wait(), second.wait(), len(disk.inserts)) == (204, 204, 1)
    assert (health.accepted, health.dropped) == (1, {"repeated": 1})


def test_is_kept_of_the_second_where_the_first_was_not(deliver, disk, health):
    first = deliver(True)
    disk.reached(1)
    second = deliver(False)
    eventlet.sleep(0)
    disk.inserts[0].send_exception(SpoolError("the disk is full"))
    assert first.wait() == 503
    disk.reached(2)
    disk.inserts[1].send(True)
    assert second.wait() == 204
    assert (health.accepted, health.dropped) == (1, {})


def test_is_kept_of_one_that_comes_after_the_other_was_refused(deliver, disk, health):
    first = deliver(True)
    disk.reached(1)
    disk.inserts[0].send_exception(SpoolError("the disk is full"))
    assert first.wait() == 503
    second = deliver(False)
    disk.reached(2)
    disk.inserts[1].send(True)
    assert second.wait() == 204
    assert (health.accepted, health.dropped) == (1, {})


def test_that_happens_twice_is_kept_twice(deliver, disk, health):
    answers = [deliver(by_addon) for by_addon in (True, True)]
    disk.reached(2)
    answers += [deliver(by_addon) for by_addon in (False, False)]
    eventlet.sleep(0)
    for put in disk.inserts:
        put.send(True)
    assert [answer.wait() for answer in answers] == [204] * 4
    assert (health.accepted, health.dropped) == (2, {"repeated": 2})
