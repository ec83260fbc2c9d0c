"""The webhook endpoint over real sockets: requests of HipChat and of strangers."""
import gc
import json
import logging
import re
import signal
import socket
import threading
import time
import uuid
from collections import namedtuple
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from support.context import make_context
from support.waiting import wait_until
from support.wire import connect, delivery

from listening.http import server as connections
from listening.addon.installation import Installation
from listening.operations.health import Health
from listening.http.receiver import Receiver
from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import Address, WebhookUrl
from sandbox.both_servers import free_port

MEBIBYTE = 1024 * 1024
# No response to a stranger contains any of these.
INTERNAL = ["Traceback", "File ", ".py", "eventlet", "Python", "BaseHTTP", "StackStorm", "hipchat.",
            "sqlite", "spool", "greenlet", "Error"]

EXAMPLE = "http://st2/hipchat/room_message/Factor/" + 43 * "x"
MARK = "canary-5c1f"

Answer = namedtuple("Answer", "status headers body")


def body_of(size):
    """A delivery of exactly this many bytes."""
    body = dict(delivery(), padding="")
    body["padding"] = "x" * (size - len(json.dumps(body)))
    return json.dumps(body).encode()


def answer_on(connection):
    """Read an answer to its end."""
    raw = b""
    while True:
        try:
            received = connection.recv(65536)
        except ConnectionResetError:
            break
        if not received:
            break
        raw += received
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Answer(int(lines[0].split()[1]) if head else None, headers, body)


def send_raw(url, *parts, end=False):
    """Send bytes as they are, and read the answer to its end."""
    with connect(url) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        if end:
            connection.shutdown(socket.SHUT_WR)
        return answer_on(connection)


def post_raw(url, headers, *body, method="POST", end=False):
    """POST with headers of one's own."""
    path = urlsplit(url).path
    head = "{} {} HTTP/1.1\r\nHost: st2\r\n{}\r\n\r\n".format(method, path, "\r\n".join(headers))
    return send_raw(url, head.encode("latin-1"), *body, end=end)


def wrong_urls(url):
    """URLs like this webhook's that are no webhook's, by what is wrong with them."""
    event, room, signature = url.split("/")[-3:]
    base = url[:url.index("/" + event)]
    other = "A" if signature[0] != "A" else "B"
    return {
        "no signature": f"{base}/{event}/{room}",
        "empty signature": f"{base}/{event}/{room}/",
        "wrong signature": url[:-len(signature)] + other + signature[1:],
        "short signature": url[:-1],
        "long signature": url + "A",
        "padded signature": url + "=",
        "unicode signature": url[:-len(signature)] + "%C3%A4" * 43,
        "other event": f"{base}/room_enter/{room}/{signature}",
        "unknown event": f"{base}/room_party/{room}/{signature}",
        "other room": f"{base}/{event}/Other/{signature}",
        "no room": f"{base}/{event}//{signature}",
        "swapped": f"{base}/{room}/{event}/{signature}",
        "other prefix": url.replace("/hipchat/", "/slack/"),
        "no prefix": url.replace("/hipchat/", "/"),
        "doubled slashes": url.replace("/hipchat/", "/hipchat//"),
        "a step up": url + "/..",
        "the prefix": base,
        "the root": base[:-len("/hipchat")] + "/",
        "a file": base + "/../../etc/passwd",
        "not UTF-8": f"{base}/{event}/%FF%FE/{signature}",
        "a null byte": f"{base}/{event}/%00/{signature}"}


def odd_requests(url):
    """Requests that go wrong, each with MARK in it, by what is wrong with them."""
    mark = MARK
    path = urlsplit(url).path
    return {
        "no HTTP": mark + "\r\n\r\n",
        "an old version": f"GET /{mark} HTTP/9.9\r\n\r\n",
        "a bad version": f"GET /{mark} {mark}\r\n\r\n",
        "a bad header": f"GET / HTTP/1.1\r\n{mark}\r\n\r\n",
        "a long line": f"GET /{mark * 2000} HTTP/1.1\r\n\r\n",
        "a long header": f"GET / HTTP/1.1\r\nX: {mark * 2000}\r\n\r\n",
        "many headers": "GET / HTTP/1.1\r\n" + "".join(
            f"X-{number}: {mark}\r\n" for number in range(500)) + "\r\n",
        "an unknown path": f"GET /{mark} HTTP/1.1\r\n\r\n",
        "an unknown path, HTTP/1.0": f"GET /{mark} HTTP/1.0\r\n\r\n",
        "a script": f"GET /<script>{mark}</script> HTTP/1.1\r\n\r\n",
        "a bad length": f"POST {path} HTTP/1.1\r\nContent-Length: {mark}\r\n\r\n",
        "a bad body": f"POST {path} HTTP/1.1\r\nContent-Length: 11\r\n\r\n{mark}",
        "a bad item": "POST {} HTTP/1.1\r\nContent-Length: 23\r\n\r\n{}".format(
            path, json.dumps({"item": mark})),
        "a method": f"{mark} {path} HTTP/1.1\r\n\r\n"}


@pytest.fixture(scope="module")
def webhook(hipchat, stackstorm):
    """The URL of a webhook for messages; stackstorm.trigger is the trigger that listens."""
    room = hipchat.make_room()
    stackstorm.trigger = stackstorm.listen("message", room)
    return stackstorm.webhooks(room)[0]["url"]


class TestAccepted:
    """What HipChat posts."""

    def test_is_answered_204_with_nothing_that_hipchat_would_post_in_the_room(self, webhook, http):
        answer = http.post(webhook, json=delivery(), timeout=60)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "Content-Type" not in answer.headers
        assert "Server" not in answer.headers

    def test_reaches_the_trigger(self, stackstorm, webhook, http):
        body = delivery()
        body["item"]["message"]["message"] = text = "marker " + uuid.uuid4().hex
        assert http.post(webhook, json=body, timeout=60).status_code == 204
        wait_until(lambda: text in stackstorm.texts(stackstorm.trigger))

    def test_may_come_in_the_very_form_that_hipchat_used(self, webhook):
        body = json.dumps(delivery(), sort_keys=True).encode()
        answer = post_raw(webhook, ["connection: close", f"content-length: {len(body)}",
                                    "content-type: application/json", "accept-encoding: gzip"],
                          body)
        assert answer.status == 204

    @pytest.mark.parametrize("content_type", [
        "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", ""])
    def test_may_have_any_content_type(self, webhook, http, content_type):
        answer = http.post(webhook, data=json.dumps(delivery()), timeout=60,
                           headers={"Content-Type": content_type})
        assert answer.status_code == 204

    def test_may_have_a_query(self, webhook, http):
        assert http.post(webhook + "?a=b", json=delivery(), timeout=60).status_code == 204

    def test_may_have_up_to_one_mebibyte(self, webhook, http):
        assert http.post(webhook, data=body_of(MEBIBYTE), timeout=60).status_code == 204

    def test_may_come_twice_and_is_dispatched_once(self, stackstorm, webhook, http):
        body = delivery()
        body["item"]["message"]["message"] = text = "twice " + uuid.uuid4().hex
        repeated = stackstorm.health()["dropped"].get("repeated", 0)
        for _ in range(2):
            assert http.post(webhook, json=body, timeout=60).status_code == 204
        marker = delivery()
        assert http.post(webhook, json=marker, timeout=60).status_code == 204
        wait_until(lambda: marker["item"]["message"]["id"] in [
            payload["item"]["message"]["id"] for payload in
            stackstorm.payloads(stackstorm.trigger)])
        received = stackstorm.texts(stackstorm.trigger)
        assert received.count(text) == 1
        assert stackstorm.health()["dropped"]["repeated"] == repeated + 1


class TestNotFound:
    """404 for each URL that this sensor has not signed."""

    @pytest.mark.parametrize("way", sorted(wrong_urls(EXAMPLE)))
    @pytest.mark.parametrize("method", ["POST", "GET"])
    def test_for_a_url_that_is_no_webhook_of_ours(self, webhook, way, method):
        url = wrong_urls(webhook)[way]
        body = json.dumps(delivery()).encode()
        answer = post_raw(url, [f"Content-Length: {len(body)}"], body, method=method)
        assert answer.status == 404
        assert answer.body.count(b"\n") == 1

    def test_comes_before_the_body_is_parsed(self, webhook):
        body = b"{" * 100000
        for url, status in ((webhook + "x", 404), (webhook, 400)):
            assert post_raw(url, [f"Content-Length: {len(body)}"], body).status == status

    def test_is_not_counted_as_accepted(self, stackstorm, webhook, http):
        before = stackstorm.health()["accepted"]
        assert http.post(webhook + "x", json=delivery(), timeout=60).status_code == 404
        assert stackstorm.health()["accepted"] == before

    def test_for_a_webhook_of_another_sensor(self, hipchat, start_stackstorm, webhook, http):
        other = start_stackstorm(hipchat, webhook={"secret": "another secret of 16"})
        wait_until(other.health)
        url = other.listener + webhook[webhook.index("/room_"):]
        assert http.post(url, json=delivery(), timeout=60).status_code == 404


class TestRefused:
    """400, 405 and 413: requests that HipChat never makes."""

    @pytest.mark.parametrize("body, words", [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"ping", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"item": {"n": NaN}}', "not JSON"),
        (b"[]", "object"),
        (b'"item"', "object"),
        (b"null", "object"),
        (b"{}", "item"),
        (b'{"item": null}', "item"),
        (b'{"item": "hello"}', "item"),
        (b'{"item": ' + b'{"a": ' * 200 + b"1" + b"}" * 201, "nested"),
        (b'{"item": ' + b"[" * 200000, "the body"),
    ], ids=lambda value: None if isinstance(value, str) else repr(value[:20]))
    def test_a_body_that_is_no_delivery_is_answered_400(self, webhook, http, body, words):
        answer = http.post(webhook, data=body, timeout=60)
        assert answer.status_code == 400
        assert words in answer.text and answer.text.count("\n") == 1
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"

    def test_a_body_that_ends_too_early_is_answered_400(self, webhook):
        answer = post_raw(webhook, ["Content-Length: 100"], b'{"item": {}}', end=True)
        assert answer.status == 400

    @pytest.mark.parametrize("length", ["-1", "ten", "1e3", "0x10", "1, 2"])
    def test_a_length_that_is_none_is_answered_400(self, webhook, length):
        assert post_raw(webhook, ["Content-Length: " + length], b"{}", end=True).status == 400

    @pytest.mark.parametrize("chunks", [
        [b"c\r\n", b'{"item": {}}', b"\r\n0\r\n\r\n"], [b"zz\r\n{}\r\n"], [b"ffffffffff\r\n{"],
        [b"10000\r\n" + b" " * 0x10000 + b"\r\n"] * 17 + [b"0\r\n\r\n"]],
        ids=["whole", "wrong", "cut off", "too large"])
    @pytest.mark.parametrize("coding", ["chunked", "Chunked", "gzip, chunked", "identity"])
    def test_a_body_whose_length_is_not_declared_is_answered_411(self, webhook, coding, chunks):
        # HipChat always declares it.
        answer = post_raw(webhook, ["Transfer-Encoding: " + coding], *chunks, end=True)
        assert answer.status == 411

    def test_a_length_and_chunks_together_are_answered_400(self, webhook):
        answer = post_raw(webhook, ["Content-Length: 2", "Transfer-Encoding: chunked"],
                          b"2\r\n{}\r\n0\r\n\r\n", end=True)
        assert answer.status == 400

    def test_a_body_that_is_declared_larger_than_one_mebibyte_is_answered_413(self, webhook):
        answer = post_raw(webhook, ["Content-Length: %d" % (MEBIBYTE + 1)], b"{", end=True)
        assert answer.status == 413
        assert b"1 MiB" in answer.body

    def test_a_whole_body_larger_than_one_mebibyte_is_answered_413(self, webhook, http):
        answer = http.post(webhook, data=body_of(MEBIBYTE + 1), timeout=60)
        assert answer.status_code == 413

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
    def test_another_method_on_a_webhook_is_answered_405_with_allow(self, webhook, http, method):
        answer = http.request(method, webhook, timeout=60)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"
        assert answer.text.count("\n") == 1

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_another_method_on_health_is_answered_405_with_allow(self, stackstorm, http, method):
        answer = http.request(method, stackstorm.listener + "/health", timeout=60)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD"

    def test_a_head_has_no_body(self, webhook):
        answer = post_raw(webhook, [], method="HEAD")
        assert (answer.status, answer.body) == (405, b"")


class TestNothingInternal:
    """Responses reveal nothing of the inside."""

    @pytest.mark.parametrize("way", sorted(odd_requests(EXAMPLE)))
    def test_is_in_any_answer(self, webhook, way):
        answer = send_raw(webhook, odd_requests(webhook)[way].encode())
        assert 400 <= answer.status < 600 and answer.status != 500
        shown = repr(answer)
        assert "server" not in answer.headers
        assert MARK not in shown
        assert [word for word in INTERNAL if word in shown.replace("Answer(", "")] == []

    def test_is_in_the_answer_of_health(self, hipchat, stackstorm, webhook):
        text = json.dumps(stackstorm.health())
        assert [word for word in INTERNAL if word in text and word != "spool"] == []
        for secret in (hipchat.token, stackstorm.room, "Factor", hipchat.url, webhook, "Ann"):
            assert secret not in text

    def test_is_left_open_after_an_answer(self, webhook, http):
        answer = http.post(webhook, json=delivery(), timeout=60)
        assert answer.headers["Connection"] == "close"

    def test_of_it_disturbs_the_next_delivery(self, webhook, http):
        for request in odd_requests(webhook).values():
            send_raw(webhook, request.encode())
        assert http.post(webhook, json=delivery(), timeout=60).status_code == 204


class TestHealth:
    """GET {public_url}/health."""

    def test_is_a_small_json(self, stackstorm, http):
        answer = http.get(stackstorm.listener + "/health", timeout=60)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        report = answer.json()
        assert report["status"] in ("ok", "degraded")
        assert isinstance(report["reasons"], list)
        assert len(answer.content) < 1000

    def test_answers_a_head_without_a_body(self, stackstorm):
        answer = post_raw(stackstorm.listener + "/health", [], method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-type"] == "application/json"

    def test_is_found_by_a_proxy_that_sends_the_whole_url(self, stackstorm, webhook):
        body = json.dumps(delivery()).encode()
        for origin in ("http://st2", "HTTP://127.0.0.1:1", "https://elsewhere.example.com"):
            path = urlsplit(stackstorm.listener).path + "/health"
            answer = send_raw(webhook, "GET {}{} HTTP/1.1\r\nHost: st2\r\n\r\n".format(
                origin, path).encode())
            assert answer.status == 200 and b"accepted" in answer.body
            answer = send_raw(webhook, "POST {}{} HTTP/1.1\r\nContent-Length: {}\r\n\r\n".format(
                origin, urlsplit(webhook).path, len(body)).encode(), body)
            assert answer.status == 204

    def test_that_is_strict_is_200_while_deliveries_are_accepted(self, stackstorm, http):
        answer = http.get(stackstorm.listener + "/health?strict", timeout=60)
        assert answer.status_code == 200 and "status" in answer.json()

    def test_that_is_strict_is_503_while_they_are_not(self, hipchat, start_stackstorm, http):
        first = start_stackstorm(hipchat)
        wait_until(first.health)
        second = start_stackstorm(hipchat, spool=first.config["spool"])  # which is in use
        wait_until(second.health)
        assert http.get(second.listener + "/health?strict", timeout=60).status_code == 503
        assert http.head(second.listener + "/health?strict", timeout=60).status_code == 503
        answer = http.get(second.listener + "/health", timeout=60)
        assert answer.status_code == 200 and answer.json()["status"] == "degraded"
        assert "listener: deliveries are not accepted" in answer.json()["reasons"]

    def test_counts_what_is_accepted_and_dispatched(self, stackstorm, webhook, http):
        before = stackstorm.health()
        http.post(webhook, json=delivery(), timeout=60)
        after = wait_until(lambda: [
            report for report in [stackstorm.health()]
            if report["dispatched"] > before["dispatched"]])[0]
        assert after["accepted"] > before["accepted"]

    def test_is_ok_when_all_is_well(self, hipchat, start_ready):
        stackstorm = start_ready(hipchat, rooms=[hipchat.make_room()])
        assert stackstorm.health()["status"] == "ok"
        assert stackstorm.health()["reasons"] == []

    def test_can_lie_directly_below_the_host(self, hipchat, start_stackstorm, http):
        stackstorm = start_stackstorm(hipchat)
        root = stackstorm.listener[:-len("/hipchat")]
        stackstorm.config["webhook"]["public_url"] = stackstorm.listener = root
        stackstorm.restart()
        wait_until(stackstorm.health)
        assert http.get(root + "/health", timeout=60).status_code == 200


@pytest.fixture
def url(monkeypatch):
    """Where a listener in this process takes deliveries; its patience is short."""
    monkeypatch.setattr("listening.timing.REQUEST_TIMEOUT", 0.5)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    config = {"api_key": "t" * 40, "api_url": "http://127.0.0.1/v2", "webhook": {
        "public_url": base, "host": "127.0.0.1", "port": port, "secret": "s" * 16}}
    settings = SensorSettings.from_config(config)
    urls = WebhookUrl(settings.public_url, settings.secret)
    log = logging.getLogger("test")
    health = Health(log)
    receiver = Receiver(
        context=make_context(config, health=health), urls=urls,
        addon=Installation(settings, None, None, lambda: None, health, log),
        intake=SimpleNamespace(request_check_throttled=lambda room_id: None,
                               is_open=True, is_standby=False),
        webhook_delivered=None)
    server = connections.Server(settings, receiver, lambda: None, health, log)
    threading.Thread(target=server.serve, daemon=True).start()
    wait_until(lambda: is_listening(base + "/health"))
    return urls.make(Address("room_message", 1001))


def is_listening(url):
    try:
        with connect(url):
            return True
    except ConnectionRefusedError:
        return False


def test_a_request_leaves_nothing_for_the_garbage_collector(url):
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            assert send_raw(url, b"GET /health HTTP/1.1\r\n\r\n").status == 200
        wait_until(lambda: not any(isinstance(each, connections.Protocol)
                                   for each in gc.get_objects()))
    finally:
        gc.enable()


def test_each_start_of_the_endpoint_is_announced(monkeypatch):
    class Enough(Exception):
        pass

    settings = SensorSettings.from_config({
        "api_key": "t" * 40, "api_url": "http://hipchat/v2",
        "webhook": {"public_url": "http://st2", "host": "127.0.0.1", "port": free_port()}})
    log, starts = logging.getLogger("test"), []
    server = connections.Server(settings, None, lambda: starts.append(True), Health(log), log)

    ends = [None, OSError, Enough]

    def serve(*_, **__):
        end = ends.pop(0)
        if end:
            raise end

    monkeypatch.setattr(connections.eventlet, "sleep", lambda seconds: None)
    monkeypatch.setattr(connections.wsgi, "server", serve)
    with pytest.raises(Enough):
        server.serve()
    assert starts == 3 * [True]


class TestSlowClients:
    """Of the listener in this process."""

    def test_a_body_that_does_not_come_is_answered_408(self, url):
        answer = post_raw(url, ["Content-Length: 100"], b'{"item":')
        assert answer.status == 408
        assert answer.body.count(b"\n") == 1

    @pytest.mark.parametrize("start", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nX-Slow: "])
    def test_a_head_that_does_not_come_is_hung_up_on(self, url, start):
        assert send_raw(url, start) == Answer(None, {}, b"")

    def test_a_client_that_drips_cannot_hold_the_connection(self, url):
        with connect(url) as connection:
            connection.sendall("POST {} HTTP/1.1\r\nContent-Length: 1000\r\n\r\n".format(
                urlsplit(url).path).encode())
            started, ended = time.monotonic(), False
            while not ended and time.monotonic() < started + 8:
                try:
                    connection.sendall(b" ")
                    connection.settimeout(0.1)
                    ended = connection.recv(1) == b""
                except socket.timeout:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    ended = True
        assert ended


class TestStartAndStop:
    """The listener's beginning and end."""

    def test_a_stopping_sensor_answers_503_with_retry_after_and_ends_in_order(
            self, hipchat, start_stackstorm):
        stackstorm = start_stackstorm(hipchat)
        room = hipchat.make_room()
        stackstorm.listen("message", room)
        url, body = stackstorm.webhooks(room)[0]["url"], json.dumps(delivery()).encode()
        assert post_raw(url, [f"Content-Length: {len(body)}"], body).status == 204
        stackstorm.process.send_signal(signal.SIGTERM)
        answers = list(self.until_nobody_listens(url))
        assert answers[-1].status == 503
        assert {answer.status for answer in answers} <= {204, 503}
        assert answers[-1].headers["retry-after"].isdigit()
        assert stackstorm.process.wait(60) == 128 + signal.SIGTERM
        assert re.search(r"Stopped; \d+ deliver", stackstorm.log())

    def until_nobody_listens(self, url):
        while True:
            body = json.dumps(delivery()).encode()
            try:
                answer = post_raw(url, [f"Content-Length: {len(body)}"], body)
            except ConnectionError:
                return
            if answer.status:  # a process that ends cuts its last connections off
                yield answer
