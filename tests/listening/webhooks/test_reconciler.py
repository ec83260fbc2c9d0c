"""The webhooks of rooms are checked and corrected, by a clock of the test."""
from types import SimpleNamespace
from unittest import mock

import eventlet
import pytest
from support.clock import Clock
from support.context import LOG, make_context
from support.dispatching import Rules
from support.waiting import wait_until

from hipchat.errors import NoAnswer, RateLimited, ServerError
from hipchat.webhook.webhook_url import Address, WebhookUrl
from hipchat.api.room_directory import RoomDirectory
from listening import timing
from listening import room_schedule
from listening.webhooks import reconciler, room_list, room_webhooks
from listening.operations.health import Health
from listening.webhooks.reconciler import WebhookReconciler

FACTOR = 1001


class Unlisting:
    """A HipChat that makes webhooks and lists none; made, deleted: their numbers."""

    def __init__(self):
        self.made, self.deleted = [], []

    def items(self, *path, **params):
        return [{"id": FACTOR, "name": "Factor"}] if path == ("room",) else []

    def call(self, method, *path, json=None):
        if method == "DELETE":
            self.deleted.append(path[-1])
            return None
        if method == "GET":
            return {"id": path[-1]}
        self.made.append(str(len(self.made)))
        return {"id": self.made[-1]}


class Losing(Unlisting):
    """One whose answer to the first webhook is lost, though it is made."""

    url = None

    def items(self, *path, **params):
        return [{"id": 1, "event": "room_message", "url": self.url}] if (
            self.url and path != ("room",)) else super().items(*path, **params)

    def call(self, method, *path, json=None):
        if method == "POST" and not self.url:
            self.url = json["url"]
            raise NoAnswer("HipChat did not answer.")
        return super().call(method, *path, json=json)


TRIGGER = {"ref": "hipchat.x", "id": "x", "type": "hipchat.message", "parameters": {"room": FACTOR}}


class Kept:
    """A reconciler with one trigger; missed: called where a webhook was missing."""

    def __init__(self, client, clock):
        self._clock, self.health, self.missed = clock, Health(LOG), mock.Mock()
        rooms = RoomDirectory()
        self.subscriptions = Rules([], [], rooms, LOG, lambda: self.reconciler.wake())
        context = make_context(client=client, rooms=rooms, subscriptions=self.subscriptions,
                               health=self.health)
        self.reconciler = WebhookReconciler(
            context=context, owner=client, request_check=self.missed,
            addon=SimpleNamespace(is_missing=False, replaces_webhooks=False, is_delivering=False),
            urls=WebhookUrl(context.settings.public_url, context.settings.secret))
        self.subscriptions.add(TRIGGER)
        self.running = eventlet.spawn(self.reconciler.run)

    def let_pass(self, seconds):
        self._clock.now += seconds
        self.reconciler.wake()

    def eventually(self, condition):
        """Wait for it after a time in which each room is looked at."""
        self.let_pass(timing.WEBHOOK_CHECK_PERIOD)
        wait_until(condition)


@pytest.fixture
def keep(monkeypatch):
    clock, made = Clock(), []
    for module in (room_schedule, room_list, room_webhooks, reconciler):
        monkeypatch.setattr(module, "time", clock)

    def keep(client):
        made.append(Kept(client, clock))
        return made[-1]

    yield keep
    for kept in made:
        kept.running.kill()


def test_a_webhook_that_hipchat_does_not_list_is_made_three_times_in_an_hour(keep):
    client = Unlisting()
    kept = keep(client)
    for made in (1, 2, 3):
        assert kept.health.report()["status"] == "ok"
        kept.eventually(lambda: len(client.made) == made)
    kept.eventually(lambda: kept.health.report()["reasons"] == ["webhooks: webhooks vanish"])
    assert len(client.made) == 3 and kept.missed.called
    kept.let_pass(timing.WEBHOOK_MAKE_PERIOD)
    kept.eventually(lambda: len(client.made) == 4)
    assert kept.health.report()["status"] == "ok"


def test_a_room_that_is_forgotten_takes_its_trouble_along(keep):
    client = Unlisting()
    kept = keep(client)
    for made in (1, 2, 3):
        kept.eventually(lambda: len(client.made) == made)
    kept.eventually(lambda: kept.health.report()["status"] == "degraded")
    kept.subscriptions.remove(TRIGGER)
    kept.eventually(lambda: kept.health.report()["status"] == "ok")


def test_a_webhook_that_hipchat_refused_to_make_does_not_count_as_made(keep, monkeypatch):
    monkeypatch.setattr("listening.timing.HIPCHAT_RETRY_MIN", 0)
    client, refusals = Unlisting(), [RateLimited("POST", 429, "", reset_in=0) for _ in range(3)]
    call = client.call

    def refuse(method, *path, json=None):
        if refusals:
            raise refusals.pop()
        return call(method, *path, json=json)

    client.call = refuse
    kept = keep(client)
    while refusals:
        kept.let_pass(60)
        eventlet.sleep(0.01)
    kept.eventually(lambda: client.made)


def test_a_webhook_that_is_made_in_spite_of_each_504_is_made_twice_at_most(keep):
    class Gateway(Unlisting):
        hooks = ()

        def items(self, *path, **params):
            return list(self.hooks) if path != ("room",) else super().items(*path)

        def call(self, method, *path, json=None):
            if method == "POST":
                self.made.append(str(len(self.made)))
                self.hooks += (dict(json, id=int(self.made[-1])),)
                raise ServerError("POST", 504, "Gateway Timeout")
            if method == "DELETE":
                self.hooks = tuple(each for each in self.hooks if str(each["id"]) != path[-1])
            return super().call(method, *path, json=json)

    client = Gateway()
    kept = keep(client)
    wait_until(lambda: client.made)
    kept.eventually(lambda: len(client.made) == 2)
    kept.eventually(lambda: len(client.hooks) == 1 and kept.health.report()["status"] == "ok")
    assert len(client.made) == 2


class TestForAnotherPublicUrl:
    """A webhook with our signature, made for an earlier public_url."""

    @pytest.fixture
    def client(self):
        client = Losing()
        urls = WebhookUrl("http://earlier", make_context().settings.secret)
        client.url = urls.make(Address("room_message", FACTOR))
        return client

    def test_is_deleted_once_it_has_delivered_here(self, keep, client):
        kept = keep(client)
        kept.eventually(lambda: kept.reconciler.elsewhere() == 1)
        kept.reconciler.webhook_delivered(Address("room_message", FACTOR), 1)
        kept.eventually(lambda: client.deleted == ["1"])
        assert kept.reconciler.elsewhere() == 0

    @pytest.mark.parametrize("url", ["http://earlier/room_message/1001/" + 43 * "x", "http://x"])
    def test_is_not_ours_without_our_signature(self, keep, client, url):
        client.url = url
        kept = keep(client)
        kept.eventually(lambda: client.made)
        kept.reconciler.webhook_delivered(Address("room_message", FACTOR), 1)
        kept.eventually(lambda: len(client.made) == 2)
        assert not client.deleted


def test_a_check_is_requested_though_hipchats_response_to_a_new_webhook_is_lost(keep):
    client = Losing()
    kept = keep(client)
    kept.eventually(lambda: client.url)
    kept.eventually(lambda: kept.missed.called)
    assert kept.missed.call_args == mock.call(FACTOR) and not client.made


def test_the_names_of_many_new_rules_are_looked_up_together(keep, monkeypatch):
    client = Unlisting()
    kept = keep(client)
    kept.eventually(lambda: client.made)
    names = mock.Mock(wraps=kept.subscriptions.unknown_names)
    monkeypatch.setattr(kept.subscriptions, "unknown_names", names)
    for number in range(1000):
        kept.subscriptions.add(dict(TRIGGER, ref=f"hipchat.{number}",
                                parameters={"room": f"Room {number}"}))
    kept.eventually(lambda: names.called)
    assert names.call_count < 10
