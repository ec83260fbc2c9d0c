"""The webhook endpoint over real sockets: requests of HipChat and of strangers."""
import contextlib
import gc
import json
import logging
import re
import signal
import time
import uuid
from unittest import mock
from urllib.parse import urlsplit

import pytest
from support.context import CONFIG
from support.load import signed_url
from support.waiting import wait_until
from support.wire import Answer, connect, delivery, post_raw, raw_delivery, send_raw

from listening.http import server as connections
from listening.operations.health import Health
from hipchat.config.sensor_settings import SensorSettings
from sandbox.both_servers import free_port

MEBIBYTE = 1024 * 1024
# No response to a stranger contains any of these.
INTERNAL = ["Traceback", "File ", ".py", "eventlet", "Python", "BaseHTTP", "StackStorm", "hipchat.",
            "sqlite", "spool", "greenlet", "Error"]

EXAMPLE = "http://st2/hipchat/room_message/Factor/" + 43 * "x"
MARK = "canary-5c1f"


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
    """Requests that go wrong, most with MARK in them, and the status, by what is wrong."""
    mark, path = MARK, urlsplit(url).path
    return {
        "no HTTP": (400, mark + "\r\n\r\n"),
        "an old version": (400, f"GET /{mark} HTTP/9.9\r\n\r\n"),
        "a new version": (400, "GET / HTTP/2.0\r\n\r\n"),
        "a bad version": (400, f"GET /{mark} {mark}\r\n\r\n"),
        "too many words": (400, f"GET / HTTP/1.1 {mark}\r\n\r\n"),
        "a bad header": (404, f"GET / HTTP/1.1\r\n{mark}\r\n\r\n"),
        "a long line": (414, f"GET /{mark * 2000} HTTP/1.1\r\n\r\n"),
        "a long header": (400, f"GET / HTTP/1.1\r\nX: {mark * 2000}\r\n\r\n"),
        "large headers": (400, "GET / HTTP/1.1\r\n" + "".join(
            f"X{number}: {mark * 90}\r\n" for number in range(90)) + "\r\n"),
        "many headers": (431, "GET / HTTP/1.1\r\n" + "".join(
            f"X-{number}: {mark}\r\n" for number in range(200)) + "\r\n"),
        "an unknown path": (404, f"GET /{mark} HTTP/1.1\r\n\r\n"),
        "an unknown path, HTTP/1.0": (404, f"GET /{mark} HTTP/1.0\r\n\r\n"),
        "a script": (404, f"GET /<script>{mark}</script> HTTP/1.1\r\n\r\n"),
        "a bad length": (400, f"POST {path} HTTP/1.1\r\nContent-Length: {mark}\r\n\r\n"),
        "a bad body": (400, f"POST {path} HTTP/1.1\r\nContent-Length: 11\r\n\r\n{mark}"),
        "a bad item": (400, f"POST {path} HTTP/1.1\r\nContent-Length: 23\r\n\r\n" + json.dumps(
            {"item": mark})),
        "a method": (405, f"{mark} {path} HTTP/1.1\r\n\r\n")}


class TestAccepted:
    """What HipChat posts."""

    def test_is_answered_204_with_nothing_that_hipchat_would_post_in_the_room(self, webhook):
        answer = post_raw(webhook, raw_delivery())
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["connection"] == "close"
        assert not {"content-type", "server"} & set(answer.headers)

    @pytest.mark.parametrize("headers", [
        ["content-type: application/json", "accept-encoding: gzip", "connection: close"],
        ["Content-Type: application/json; charset=utf-8"], ["Content-Type: text/plain"],
        ["Content-Type: application/x-www-form-urlencoded"], []],
        ids=["HipChat's", "JSON", "text", "form", "none"])
    def test_may_have_any_headers(self, webhook, headers):
        body = raw_delivery()
        assert post_raw(webhook, body, headers=[
            f"content-length: {len(body)}", *headers]).status == 204

    def test_may_have_a_query(self, webhook, http):
        assert http.post(webhook + "?a=b", json=delivery(), timeout=60).status_code == 204

    def test_may_have_up_to_one_mebibyte(self, webhook):
        assert post_raw(webhook, raw_delivery(size=MEBIBYTE)).status == 204

    def test_may_come_twice_and_is_dispatched_once(self, stackstorm, webhook):
        text, last = "twice " + uuid.uuid4().hex, "last " + uuid.uuid4().hex
        repeated = stackstorm.health()["dropped"].get("repeated", 0)
        body = raw_delivery(text)
        for each in (body, body, raw_delivery(last)):
            assert post_raw(webhook, each).status == 204
        wait_until(lambda: last in stackstorm.texts(stackstorm.trigger))
        assert stackstorm.texts(stackstorm.trigger).count(text) == 1
        assert stackstorm.health()["dropped"]["repeated"] == repeated + 1


class TestNotFound:
    """404 for each URL that this sensor has not signed."""

    @pytest.mark.parametrize("way", wrong_urls(EXAMPLE))
    @pytest.mark.parametrize("method", ["POST", "GET"])
    def test_for_a_url_that_is_no_webhook_of_ours(self, webhook, way, method):
        answer = post_raw(wrong_urls(webhook)[way], raw_delivery(), method=method)
        assert answer.status == 404
        assert answer.body.count(b"\n") == 1

    def test_comes_before_the_body_is_parsed(self, webhook):
        for url, status in ((webhook + "x", 404), (webhook, 400)):
            assert post_raw(url, b"{" * 100000).status == status


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
    ], ids=lambda value: None if isinstance(value, str) else repr(value[:20]))
    def test_a_body_that_is_no_delivery_is_answered_400(self, webhook, body, words):
        answer = post_raw(webhook, body)
        assert answer.status == 400
        assert words in answer.body.decode() and answer.body.count(b"\n") == 1
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"

    @pytest.mark.parametrize("length", ["-1", "ten", "1e3", "0x10", "1, 2", "100"])
    def test_a_length_that_is_wrong_is_answered_400(self, webhook, length):
        answer = post_raw(webhook, b'{"item": {}}', headers=["Content-Length: " + length], end=True)
        assert answer.status == 400

    @pytest.mark.parametrize("chunks", [
        [b"c\r\n", b'{"item": {}}', b"\r\n0\r\n\r\n"], [b"zz\r\n{}\r\n"], [b"ffffffffff\r\n{"],
        [b"10000\r\n" + b" " * 0x10000 + b"\r\n"] * 17 + [b"0\r\n\r\n"]],
        ids=["whole", "wrong", "cut off", "too large"])
    @pytest.mark.parametrize("coding", ["chunked", "Chunked", "gzip, chunked", "identity"])
    def test_a_body_whose_length_is_not_declared_is_answered_411(self, webhook, coding, chunks):
        # HipChat always declares it.
        answer = post_raw(webhook, *chunks, headers=["Transfer-Encoding: " + coding], end=True)
        assert answer.status == 411

    def test_a_length_and_chunks_together_are_answered_400(self, webhook):
        answer = post_raw(webhook, b"2\r\n{}\r\n0\r\n\r\n", end=True,
                          headers=["Content-Length: 2", "Transfer-Encoding: chunked"])
        assert answer.status == 400

    @pytest.mark.parametrize("body", [b"{", raw_delivery(size=MEBIBYTE + 1)],
                             ids=["cut off", "whole"])
    def test_a_body_larger_than_one_mebibyte_is_answered_413(self, webhook, body):
        answer = post_raw(webhook, body, headers=[f"Content-Length: {MEBIBYTE + 1}"], end=True)
        assert answer.status == 413 and b"1 MiB" in answer.body

    @pytest.mark.parametrize("page, allowed, methods", [
        ("", "POST", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]),
        ("/health", "GET, HEAD", ["POST", "PUT", "DELETE"])], ids=["webhook", "health"])
    def test_another_method_is_answered_405_with_allow(
            self, stackstorm, webhook, page, allowed, methods):
        for method in methods:
            answer = post_raw(stackstorm.listener + page if page else webhook, method=method)
            assert answer.status == 405
            assert answer.headers["allow"] == allowed.lower()
            assert answer.body.count(b"\n") == 1


class TestNothingInternal:
    """Responses reveal nothing of the inside."""

    @pytest.mark.parametrize("way", odd_requests(EXAMPLE))
    def test_is_in_any_answer(self, webhook, way):
        status, request = odd_requests(webhook)[way]
        answer = send_raw(webhook, request.encode())
        assert answer.status == status
        shown = repr(answer)
        assert "server" not in answer.headers
        assert MARK not in shown
        assert [word for word in INTERNAL if word in shown] == []

    def test_is_in_the_answer_of_health(self, hipchat, stackstorm, webhook):
        text = json.dumps(stackstorm.health())
        assert [word for word in INTERNAL if word in text and word != "spool"] == []
        for secret in (hipchat.token, stackstorm.room, "Factor", hipchat.url, webhook, "Ann"):
            assert secret not in text


class TestHealth:
    """GET {public_url}/health."""

    def test_is_a_small_json(self, stackstorm):
        answer = post_raw(stackstorm.listener + "/health", method="GET")
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        report = json.loads(answer.body)
        assert report["status"] in ("ok", "degraded")
        assert isinstance(report["reasons"], list)
        assert len(answer.body) < 1000

    def test_answers_a_head_without_a_body(self, stackstorm, webhook):
        answer = post_raw(stackstorm.listener + "/health", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-type"] == "application/json"
        answer = post_raw(webhook, method="HEAD")
        assert (answer.status, answer.body) == (405, b"")

    @pytest.mark.parametrize("origin", [
        "http://st2", "HTTP://127.0.0.1:1", "https://elsewhere.example.com"])
    def test_is_found_by_a_proxy_that_sends_the_whole_url(self, stackstorm, webhook, origin):
        health = origin + urlsplit(stackstorm.listener).path + "/health"
        answer = send_raw(webhook, f"GET {health} HTTP/1.1\r\nHost: st2\r\n\r\n".encode())
        assert answer.status == 200 and b"accepted" in answer.body
        head, body = f"POST {origin}{urlsplit(webhook).path} HTTP/1.1\r\n", raw_delivery()
        assert send_raw(webhook, f"{head}Content-Length: {len(body)}\r\n\r\n".encode(),
                        body).status == 204


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

    settings = SensorSettings.from_config(dict(CONFIG, webhook={
        "public_url": "http://st2", "host": "127.0.0.1", "port": free_port()}))
    log, starts = logging.getLogger("test"), []
    server = connections.Server(settings, None, lambda: starts.append(True), Health(log), log)

    serve = mock.Mock(side_effect=[None, OSError, Enough])
    monkeypatch.setattr(connections.eventlet, "sleep", lambda seconds: None)
    # A mock would keep the sockets that it gets open.
    monkeypatch.setattr(connections.wsgi, "server", lambda *_, **__: serve())
    with pytest.raises(Enough):
        server.serve()
    assert starts == 3 * [True]


class TestSlowClients:
    """Of the listener in this process."""

    def test_a_body_that_does_not_come_is_answered_408(self, url):
        answer = post_raw(url, b'{"item":', headers=["Content-Length: 100"])
        assert answer.status == 408
        assert answer.body.count(b"\n") == 1

    @pytest.mark.parametrize("start", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nX-Slow: "])
    def test_a_head_that_does_not_come_is_hung_up_on(self, url, start):
        assert send_raw(url, start) == Answer(None, {}, b"")

    def test_a_client_that_drips_cannot_hold_the_connection(self, url):
        head = f"POST {urlsplit(url).path} HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
        with connect(url) as connection, pytest.raises(ConnectionError):
            connection.sendall(head.encode())
            for _ in range(80):
                connection.sendall(b" ")
                time.sleep(0.1)


def test_a_stopping_sensor_answers_503_with_retry_after_and_ends_in_order(
        hipchat, room, start_stackstorm):
    stackstorm, answers = start_stackstorm(hipchat), []
    stackstorm.listen("message", room)
    url = signed_url(stackstorm, room)
    assert post_raw(url, raw_delivery()).status == 204
    stackstorm.process.send_signal(signal.SIGTERM)
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            answers.append(post_raw(url, raw_delivery()))
    # A process that ends cuts its last connections off.
    *_, last = answers = [answer for answer in answers if answer.status]
    assert last.status == 503 and last.headers["retry-after"].isdigit()
    assert {answer.status for answer in answers} <= {204, 503}
    assert stackstorm.process.wait(60) == 128 + signal.SIGTERM
    assert re.search(r"Stopped; \d+ deliver", stackstorm.log())
