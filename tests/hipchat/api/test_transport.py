"""Whatever a server answers, however slowly: a result, or an error that says what is wrong."""
import contextlib
import gzip
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.answering import TOKEN, answer, client_of, dripping, reset
from support.clock import Clock

from hipchat import errors
from hipchat.api import transport
from hipchat.check.health import Unanswered, read_health
from hipchat.config.sensor_settings import SensorSettings


class TestDeadline:
    """The timeout holds for an answer, not for each read."""

    @pytest.mark.parametrize("slow", [
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nX-Line: ", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")],
        ids=["headers", "a header", "body", "chunks"])
    def test_ends_an_answer_that_drips(self, server, slow):
        server.answers = [slow]
        began = time.monotonic()
        with pytest.raises(errors.NoAnswer, match="no answer within 0.3 s. Raise timeout"):
            client_of(server.url, timeout=0.3).call("GET", "room")
        assert time.monotonic() - began < 30

    def test_leaves_an_answer_that_comes_in_time_alone(self, server):
        def slowly(connection):
            for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 9\r\n\r\n", b'{"id"', b": 1}"):
                connection.sendall(piece)
                time.sleep(0.05)
        server.answers = [slowly]
        assert client_of(server.url, timeout=5).call("GET", "room") == {"id": 1}


class TestSize:
    """An answer has a largest size, packed or not."""

    @pytest.mark.parametrize("large", [
        answer(200, b" " * 3000),
        answer(200, gzip.compress(b" " * 3000), {"Content-Encoding": "gzip"}),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 1000)], ids=["plain", "packed", "endless"])
    def test_that_is_too_large_is_an_error(self, server, monkeypatch, large):
        monkeypatch.setattr(transport, "LARGEST_RESPONSE", 2000)
        server.answers = [large]
        with pytest.raises(errors.NoAnswer, match="more than 10 MiB"):
            client_of(server.url).call("GET", "room")

    def test_of_some_megabytes_is_taken(self, server):
        server.answers = [{"text": "x" * 9 * 1024 ** 2}]
        assert len(client_of(server.url).call("GET", "room")["text"]) == 9 * 1024 ** 2


@pytest.mark.parametrize("cut", [
    reset, lambda connection: None, answer(200, b'{"id"', {"Content-Length": "9"})],
    ids=["reset", "closed", "midway"])
def test_a_connection_that_is_cut_is_tried_again_for_what_only_reads(server, cut):
    server.answers = [cut, {"id": 1}]
    assert client_of(server.url).call("GET", "room") == {"id": 1}
    assert len(server.requests) == 2


ROOM = {"id": 1, "name": "Ops", "topic": "", "privacy": "public", "is_archived": False,
        "is_guest_accessible": False, "owner": {"id": 2}, "links": {}}


@pytest.mark.parametrize("change, named", [
    ({"owner": None}, "owner.id"), ({"owner": {}}, "owner.id"), ({"owner": "Ann"}, "owner.id"),
    ({"privacy": None}, "privacy"), ({"name": None}, "name"), ({"id": None}, "id"),
    ({"is_archived": None}, "is_archived")])
def test_a_room_that_lacks_a_field_is_not_changed_and_the_field_named(act, server, change, named):
    server.answers = [dict(ROOM, **change)]
    succeeded, result = act("update_room", config={"api_url": server.url}, room="Ops", topic="x")
    assert not succeeded and f"/v2/room/Ops has no {named}." in result["error"]
    assert [request.method for request in server.requests] == ["GET"]


def test_webhooks_and_rooms_without_an_id_are_named(act, server):
    config = {"api_url": server.url, "webhook": {"public_url": "https://st2.example.com/hipchat"}}
    server.answers = [{"items": [{"name": "Ops"}]}]
    assert "has no id" in act("remove_webhooks", config=config)[1]["error"]


KEYS = ("id name items links next owner privacy scopes client room message from date access_token "
        "mention_name url error").split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(KEYS), inner, max_size=4), max_leaves=8)


@pytest.mark.parametrize("body", [
    dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b" "),
    answer(200, b" " * 11 * 1024 ** 2), answer(200, b"[" * 100000), answer(200, b"\xff"),
    answer(200, b"x", {"Content-Encoding": "gzip"})],
    ids=["slow", "large", "deep", "no text", "no gzip"])
def test_a_server_at_public_url_that_is_no_sensor_is_recognized(server, body):
    server.answers = [body]
    started = time.monotonic()
    with contextlib.suppress(Unanswered):
        assert read_health(server.url, SensorSettings.from_config({
            "api_key": TOKEN, "api_url": server.url, "timeout": 0.5})) == (200, None)
    assert time.monotonic() - started < 30, "it would have come to its end after a minute"


CALLS = [
    ("get_room", {"room": "Ops"}), ("get_user", {"user": "@Ann"}), ("list_rooms", {}),
    ("get_history", {"room": "Ops"}), ("get_message", {"room": "Ops", "message_id": "m"}),
    ("create_room", {"name": "Ops"}), ("update_room", {"room": "Ops", "topic": "x"}),
    ("send_message", {"room": "Ops", "message": "x"}), ("list_webhooks", {"room": "Ops"}),
    ("remove_webhooks", {}), ("whoami", {}), ("archive_room", {"room": "Ops"}),
    ("wait_for_message", {"room": "Ops", "seconds": 1})]


@pytest.mark.parametrize("action, given_parameters", CALLS, ids=lambda value: str(value)[:20])
def test_no_answer_raises_what_is_no_error_of_the_packs(
        act, server, action, given_parameters, monkeypatch):
    monkeypatch.setattr("hipchat.api.next_message.time", Clock())
    monkeypatch.setattr(act, "check", lambda *_: None)  # HipChat's fields are passed on
    config = {"api_url": server.url, "webhook": {"public_url": "https://st2.example.com/hipchat"}}
    deep = answer(200, b"[" * 100000 + b"]" * 100000)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(JSON | st.just(deep), min_size=1, max_size=3))
    def attempt(answers):
        server.answers = list(answers)
        succeeded, result = act(action, config=config, **given_parameters)
        assert isinstance(result, dict) and (succeeded or result["error"])

    attempt()
