"""Whatever a server answers, however slowly: a result, or an error that says what is wrong."""
import gzip
import contextlib
import json
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clock import Clock

from hipchat.api import transport
from hipchat import errors
from hipchat.api.client import Client
from hipchat.check.health import Unanswered, read_health
from hipchat.api.room_history import RoomHistory
from hipchat.config.sensor_settings import SensorSettings
from hipchat.config.api_settings import ApiSettings


class Liar:
    """Answers each request with the next of `answers`, the last one for ever.

    An answer: JSON for a 200; or a function that is given the connection, and does as it likes.
    """

    def __init__(self):
        self.answers, self.requests = [{}], []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v2"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            self.requests.append(self._request(connection))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            try:
                (answer if callable(answer) else ok(json.dumps(answer).encode()))(connection)
            except OSError:
                pass

    def _request(self, connection):
        with connection.makefile("rb") as file:
            line, size = file.readline().decode(), 0
            for header in iter(file.readline, b"\r\n"):
                if header.lower().startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            file.read(size)
            return line

    def stop(self):
        self._listener.close()


def raw(status, headers, body=b""):
    lines = ["HTTP/1.1 " + status, "Connection: close"] + headers
    return lambda connection: connection.sendall("\r\n".join(lines + ["", ""]).encode() + body)


def ok(body, *headers):
    return raw("200 OK", [f"Content-Length: {len(body)}"] + list(headers), body)


def dripping(before, drop):
    """Sends the one, and then the other every 50 ms."""
    def answer(connection):
        connection.sendall(before)
        for _ in range(1200):
            connection.sendall(drop)
            time.sleep(0.05)
    return answer


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture(scope="module")
def shared_liar():
    liar = Liar()
    yield liar
    liar.stop()


@pytest.fixture
def liar(shared_liar, monkeypatch):
    monkeypatch.setattr("hipchat.timing.RETRY_DELAYS", (0.01, 0.01))
    shared_liar.answers, shared_liar.requests = [{}], []
    return shared_liar


def client_of(liar, **config):
    return Client(ApiSettings.from_config(dict(
        {"api_key": "a-token-of-some-length", "api_url": liar.url}, **config)))


class TestDeadline:
    """The timeout holds for an answer, not for each read."""

    @pytest.mark.parametrize("answer", [
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nX-Line: ", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")],
        ids=["headers", "a header", "body", "chunks"])
    def test_ends_an_answer_that_drips(self, liar, answer):
        liar.answers = [answer]
        began = time.monotonic()
        with pytest.raises(errors.NoAnswer, match="no answer within 0.3 s"):
            client_of(liar, timeout=0.3).call("GET", "room")
        assert time.monotonic() - began < 30

    def test_leaves_an_answer_that_comes_in_time_alone(self, liar):
        def slowly(connection):
            for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 9\r\n\r\n", b'{"id"', b": 1}"):
                connection.sendall(piece)
                time.sleep(0.05)
        liar.answers = [slowly]
        assert client_of(liar, timeout=5).call("GET", "room") == {"id": 1}


class TestSize:
    """An answer has a largest size, packed or not."""

    @pytest.mark.parametrize("answer", [
        ok(b" " * 3000), ok(gzip.compress(b" " * 3000), "Content-Encoding: gzip"),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 1000)], ids=["plain", "packed", "endless"])
    def test_that_is_too_large_is_an_error(self, liar, monkeypatch, answer):
        monkeypatch.setattr(transport, "LARGEST_RESPONSE", 2000)
        liar.answers = [answer]
        with pytest.raises(errors.NoAnswer, match="more than 10 MiB"):
            client_of(liar).call("GET", "room")

    def test_of_some_megabytes_is_taken(self, liar):
        liar.answers = [ok(json.dumps({"text": "x" * 9 * 1024 ** 2}).encode())]
        assert len(client_of(liar).call("GET", "room")["text"]) == 9 * 1024 ** 2


class TestReset:
    """A connection that is cut."""

    @pytest.mark.parametrize("cut", [
        reset, lambda connection: None, raw("200 OK", ["Content-Length: 9"], b'{"id"')],
        ids=["reset", "closed", "midway"])
    def test_is_tried_again_for_what_only_reads(self, liar, cut):
        liar.answers = [cut, {"id": 1}]
        assert client_of(liar).call("GET", "room") == {"id": 1}
        assert len(liar.requests) == 2

    def test_is_not_for_what_may_have_been_done(self, liar):
        liar.answers = [reset, {"id": 1}]
        with pytest.raises(errors.NoAnswer, match="no connection"):
            client_of(liar).call("POST", "room", json={})
        assert len(liar.requests) == 1


class TestRateLimit:
    """A rate limit whose end has passed, is now, or is only in the message."""

    @pytest.mark.parametrize("reset_at", [
        lambda: "0", lambda: str(int(time.time())), lambda: "0.0", lambda: str(time.time() + 0.01)])
    def test_is_waited_for_a_second_and_longer_each_time(self, liar, reset_at):
        liar.answers = [lambda connection: raw("429 Too Many Requests", [
            "X-Ratelimit-Reset: " + reset_at(), "Content-Length: 0"])(connection)]
        began = time.monotonic()
        with pytest.raises(errors.RateLimited):
            client_of(liar, rate_limit_wait=2.5).call("POST", "room", json={})
        assert len(liar.requests) == 2 and time.monotonic() - began >= 1

    def test_that_has_passed_counts_as_unknown(self, liar):
        liar.answers = [raw("429 Too Many Requests", [
            f"X-Ratelimit-Reset: {time.time() - 60}", "Content-Length: 0"])]
        with pytest.raises(errors.RateLimited, match="Try again in 300 s"):
            client_of(liar).call("GET", "room")
        assert len(liar.requests) == 1

    def test_may_be_called_forbidden(self, liar):
        body = json.dumps({"error": {"code": 403, "type": "Forbidden", "message":
                                     "You have exceeded the rate limit. See the documentation."}})
        liar.answers = [raw("403 Forbidden", [
            "X-Ratelimit-Reset: 60", f"Content-Length: {len(body)}"], body.encode())]
        with pytest.raises(errors.RateLimited, match="Try again in 60 s") as caught:
            client_of(liar, rate_limit_wait=5).call("GET", "room")
        assert caught.value.status == 403


class TestPages:
    """Collections that have no end, or no shape."""

    def items(self, liar, **more):
        return list(client_of(liar).items("room", **more))

    def test_that_repeat_are_an_error(self, liar):
        liar.answers = [{"items": [{"id": 1}, {"id": 2}], "links": {"next": "x"}}]
        with pytest.raises(errors.NoAnswer, match="endless pages.*start-index"):
            self.items(liar)
        assert len(liar.requests) == 2

    def test_that_overlap_are_none(self, liar):
        liar.answers = [{"items": [{"id": 1}, {"id": 2}], "links": {"next": "x"}},
                        {"items": [{"id": 2}, {"id": 3}], "links": {}}]
        assert [each["id"] for each in self.items(liar)] == [1, 2, 2, 3]

    def test_that_never_repeat_end_too(self, liar, monkeypatch):
        monkeypatch.setattr("hipchat.api.client.MOST_PAGES", 5)
        liar.answers = [{"items": [{"id": number}], "links": {"next": "x"}} for number in range(9)]
        with pytest.raises(errors.NoAnswer, match="endless pages"):
            self.items(liar)
        assert len(liar.requests) == 5

    @pytest.mark.parametrize("links", [None, [], "x", 5, {"next": None}])
    def test_without_a_next_page_are_one(self, liar, links):
        liar.answers = [{"items": [{"id": 1}], "links": links}]
        assert self.items(liar) == [{"id": 1}]

    @pytest.mark.parametrize("item", [None, 5, "x", []])
    def test_whose_items_are_no_objects_name_the_item(self, liar, item):
        liar.answers = [{"items": [{"id": 1}, item]}]
        with pytest.raises(errors.NoAnswer, match=r"items\[1\] of .*/v2/room is no object"):
            self.items(liar)

    @pytest.mark.parametrize("answer", [None, {}, {"items": None}, {"items": True}, {"items": [3]}])
    def test_of_messages_that_are_none_are_no_empty_room(self, liar, answer):
        liar.answers = [answer]
        with pytest.raises(errors.NoAnswer, match="items"):
            RoomHistory(client_of(liar)).newest(1001)


ROOM = {"id": 1, "name": "Ops", "topic": "", "privacy": "public", "is_archived": False,
        "is_guest_accessible": False, "owner": {"id": 2}, "links": {}}


@pytest.mark.parametrize("change, named", [
    ({"owner": None}, "owner.id"), ({"owner": {}}, "owner.id"), ({"owner": "Ann"}, "owner.id"),
    ({"privacy": None}, "privacy"), ({"name": None}, "name"), ({"id": None}, "id"),
    ({"is_archived": None}, "is_archived")])
def test_a_room_that_lacks_a_field_is_not_changed_and_the_field_named(act, liar, change, named):
    liar.answers = [dict(ROOM, **change)]
    succeeded, result = act("update_room", config={"api_url": liar.url}, room="Ops", topic="x")
    assert not succeeded and f"/v2/room/Ops has no {named}." in result["error"]
    assert [line.split()[0] for line in liar.requests] == ["GET"]


def test_webhooks_and_rooms_without_an_id_are_named(act, liar):
    config = {"api_url": liar.url, "webhook": {"public_url": "https://st2.example.com/hipchat"}}
    liar.answers = [{"items": [{"name": "Ops"}]}]
    assert "has no id" in act("remove_webhooks", config=config)[1]["error"]


KEYS = ("id name items links next owner privacy scopes client room message from date access_token "
        "mention_name url error").split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(KEYS), inner, max_size=4), max_leaves=8)


@pytest.mark.parametrize("answer", [
    dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b" "), ok(b" " * 11 * 1024 ** 2),
    ok(b"[" * 100000), ok(b"\xff"), raw("200 OK", ["Content-Encoding: gzip"], b"x")],
    ids=["slow", "large", "deep", "no text", "no gzip"])
def test_a_server_at_public_url_that_is_no_sensor_is_recognized(liar, answer):
    liar.answers = [answer]
    started = time.monotonic()
    with contextlib.suppress(Unanswered):
        assert read_health(liar.url, SensorSettings.from_config({
            "api_key": "a-token-of-some-length", "api_url": liar.url, "timeout": 0.5,
        })) == (200, None)
    assert time.monotonic() - started < 30, "it would have come to its end after a minute"


CALLS = [
    ("get_room", {"room": "Ops"}), ("get_user", {"user": "@Ann"}), ("list_rooms", {}),
    ("get_history", {"room": "Ops"}), ("get_message", {"room": "Ops", "message_id": "m"}),
    ("create_room", {"name": "Ops"}), ("update_room", {"room": "Ops", "topic": "x"}),
    ("send_message", {"room": "Ops", "message": "x"}), ("list_webhooks", {"room": "Ops"}),
    ("remove_webhooks", {}), ("whoami", {}), ("archive_room", {"room": "Ops"}),
    ("wait_for_message", {"room": "Ops", "seconds": 1})]


@pytest.mark.parametrize("action, given_parameters", CALLS, ids=lambda value: str(value)[:20])
def test_no_answer_raises_what_is_no_error_of_the_packs(act, liar, action, given_parameters,
                                                        monkeypatch):
    monkeypatch.setattr("hipchat.api.next_message.time", Clock())
    monkeypatch.setattr(act, "check", lambda *_: None)  # HipChat's fields are passed on
    config = {"api_url": liar.url, "webhook": {"public_url": "https://st2.example.com/hipchat"}}
    deep = ok(b"[" * 100000 + b"]" * 100000)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(JSON | st.just(deep), min_size=1, max_size=3))
    def attempt(answers):
        liar.answers = list(answers)
        succeeded, result = act(action, config=config, **given_parameters)
        assert isinstance(result, dict) and (succeeded or result["error"])

    attempt()
