"""A check of the room is requested where a delivery is refused."""
import io
import json
import time
from types import SimpleNamespace
from unittest import mock

import eventlet
import jwt
import pytest
from eventlet.event import Event
from support.context import CONFIG, make_context
from support.waiting import wait_until

from hipchat.api.credentials import Integration
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening.http.intake import Intake
from listening.http.receiver import Receiver
from listening.spool import SpoolError, SpoolFull

ROOM = 1001
CLIENT = Integration("id-of-the-integration", "the-secret-of-the-integration-of-many-letters")
BY_ADDON = "http://st2/addon/room_message"


class Subscription:
    """A receiver; missed: the rooms in which something was, None for all.

    look: what is done about these.
    """

    def __init__(self, **config):
        context = make_context(dict(
            {"api_url": CONFIG["api_url"], "webhook": CONFIG["webhook"]}, **config))
        urls, self.health = WebhookUrl("http://st2", context.settings.secret), context.health
        addon = SimpleNamespace(
            event_of=lambda url: "room_message" if url == BY_ADDON else None,
            credentials=CLIENT, note_delivery=lambda: None, urls=None)
        self.missed, self.spool = [], mock.Mock(hangs=False)
        self.look = self.missed.append
        self.intake = Intake(
            spool=self.spool, room_queues=mock.Mock(), leadership=SimpleNamespace(is_current=True),
            request_check=lambda room: self.look(room))
        self.intake.is_open = True
        self.receiver = Receiver(context=context, urls=urls, addon=addon, intake=self.intake,
                                 webhook_delivered=lambda *args: None)
        self.by_webhook = urls.make(Address("room_message", ROOM))

    def request(self, url, method="POST", **environ):
        """The status of the answer to a request."""
        started = []
        self.receiver(dict({
            "REMOTE_ADDR": "127.0.0.1", "REQUEST_METHOD": method,
            "RAW_PATH_INFO": url[len("http://st2"):], "hipchat.arrived": lambda: None}, **environ),
            lambda status, headers: started.append(int(status.split()[0])))
        eventlet.sleep(0)
        return started[0]

    def post(self, url, read=None, **claims):
        """The status of the answer to a delivery of the room; read: how its body arrives."""
        body = json.dumps({"item": {"room": {"id": ROOM}, "message": {
            "id": "m", "message": "hi"}}}).encode()
        token = jwt.encode(dict({"iss": CLIENT.oauth_id, "exp": time.time() + 3600}, **claims),
                           CLIENT.secret, algorithm="HS256")
        return self.request(url, **{
            "HTTP_AUTHORIZATION": "JWT " + token, "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": SimpleNamespace(read=read) if read else io.BytesIO(body)})


@pytest.fixture
def listener():
    return Subscription(api_key="t" * 40)


CUT_OFF = {"late": (eventlet.Timeout(None), 408), "cut off": (OSError(), 400),
           "a defect": (KeyError("x"), 500)}


class TestDelivery:
    @pytest.mark.parametrize("error, status", CUT_OFF.values(), ids=CUT_OFF)
    def test_that_does_not_arrive_is_missed_in_its_room(self, listener, error, status):
        assert listener.post(listener.by_webhook, read=mock.Mock(side_effect=error)) == status
        assert listener.missed == [ROOM]

    def test_that_fails_to_arrive_again_and_again_requests_throttled_checks(
            self, listener, monkeypatch):
        monkeypatch.setattr("listening.timing.CHECK_THROTTLE", 0.2)
        cut_off = mock.Mock(side_effect=OSError())
        for _ in range(20):
            listener.post(listener.by_webhook, read=cut_off)
        assert listener.missed == [ROOM]
        wait_until(lambda: listener.missed == [ROOM, ROOM])
        listener.post(listener.by_webhook, read=cut_off)
        wait_until(lambda: len(listener.missed) == 3)

    def test_of_the_addon_that_the_spool_refuses_is_missed_in_its_room(self, listener):
        listener.spool.insert.side_effect = SpoolFull("100,000 deliveries wait")
        assert listener.post(BY_ADDON) == listener.post(listener.by_webhook) == 503
        assert listener.missed == [ROOM, ROOM]

    def test_of_the_addon_whose_body_is_not_read_may_be_of_any_room(self, listener):
        listener.intake.is_open = False
        assert listener.post(BY_ADDON) == listener.post(listener.by_webhook) == 503
        assert listener.missed == [None, ROOM]

    def test_that_a_hanging_disk_refuses_is_answered_though_the_check_has_to_wait(
            self, listener):
        listener.spool.hangs = True
        listener.spool.insert.side_effect = SpoolError("the disk does not answer")
        listener.look = lambda room: Event().wait()
        answer = eventlet.spawn(listener.post, listener.by_webhook)
        wait_until(lambda: answer.dead)
        assert answer.wait() == 503

    def test_that_is_wrong_is_missed_nowhere(self, listener):
        assert listener.post(listener.by_webhook, read=lambda size: b"[]" + 200 * b" ") == 400
        assert listener.post(listener.by_webhook) == 204
        assert not listener.missed


class TestUnsigned:
    """A delivery without a valid JWT, where each must carry one."""

    def test_is_counted_reported_and_requests_throttled_checks(self):
        integration = Subscription(oauth={"id": CLIENT.oauth_id, "secret": CLIENT.secret})
        for _ in range(3):
            assert integration.post(integration.by_webhook, exp=time.time() - 3600) == 401
        assert integration.missed == [ROOM]
        assert integration.health.refused == {"unsigned": 3}
        assert integration.health.report()["reasons"] == [
            "listener: a request to a signed address has no valid JWT"]

    def test_of_an_add_on_requests_no_check_of_all_rooms(self, listener):
        assert listener.post(BY_ADDON, exp=time.time() - 3600) == 401
        assert not listener.missed and listener.health.refused == {"unsigned": 1}


@pytest.mark.parametrize("is_open, hangs, status", [
    (True, False, 200), (True, True, 503), (False, False, 503)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_strict_probe_reports_whether_deliveries_are_accepted(
        listener, is_open, hangs, status, method):
    listener.intake.is_open, listener.spool.hangs = is_open, hangs
    url = "http://st2/health"
    assert listener.request(url, method, QUERY_STRING="strict") == status
    assert listener.request(url, method) == 200
