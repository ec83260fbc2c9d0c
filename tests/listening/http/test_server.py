"""A listener that cannot be held up: strangers, slow clients, floods and hostile bodies."""
import contextlib
import multiprocessing
import os
import random
import re
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from support.load import signed_url
from support.servers import EVENTS
from support.wire import connect, post_raw, raw_delivery, send_raw

MEBIBYTE = 1024 * 1024


def ask(url, request):
    """Send bytes; return the status of the answer, None without one."""
    try:
        return send_raw(url, request, end=True).status
    except OSError:
        return None


def deliver(url, text="hi"):
    """Post a signed delivery; the seconds until it was accepted."""
    started = time.monotonic()
    assert post_raw(url, raw_delivery(text)).status == 204
    return time.monotonic() - started


def typical(url, count=30):
    """The median seconds of some signed deliveries, one after the other."""
    return statistics.median(deliver(url) for _ in range(count))


class Strange:
    """Makes requests of any method, path, headers and body, well-formed or not."""

    METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH",
               "PRI", "get", "", "POST POST", "\x00", "M\xfcll", "A" * 300]
    PIECES = ["/", "hipchat", "health", "..", "%2e%2e", "%00", "%ff", "%", "%zz", "//", "\\", "?",
              "#", ";", "*", "&a=b", "\xfc", "\x7f", "x" * 43, "A" * 500, "{{7*7}}", "<%7*7%>",
              "<script>", "http://127.0.0.1/", "$(id)", "'--"] + ["room_" + name for name in EVENTS]
    VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1 ", "HTTP/1.x", "http/1.1",
                "HTTP/9999999999.1", "HTTP/-1.1", "HTTP", "", "JUNK/1.1"]
    HEADERS = ["Host: st2", "Host:", "Content-Length: {length}", "Content-Length: 0",
               "Content-Length: -1", "Content-Length: 1e3", "Content-Length: +5",
               "Content-Length: 5, 5", "Content-Length: 99999999999999999999999",
               "Content-Length: \xb2", "Content_Length: 7", "Transfer-Encoding: chunked",
               "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: \x0bchunked",
               "Expect: 100-continue", "Connection: keep-alive", "Connection: upgrade",
               "Upgrade: websocket", "Authorization: JWT x.y.z", "Authorization: JWT",
               "Content-Type: application/json", "Content-Type: text/\xff", "X: " + "y" * 3000,
               "X:" + "\t" * 50, "No colon", ": no name", " folded", "\x00: \x00", "A\rB: c",
               "Cookie: " + "a=b; " * 500, "X-Forwarded-For: 127.0.0.1", "Range: bytes=0-,1-",
               "Content-Encoding: gzip"]
    BODIES = [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b"\x1f\x8b\x08\0",
              b"5\r\nhello\r\n0\r\n\r\n", b"-1\r\n\r\n", b"ffffffffffffffff\r\nx", b"zz\r\n",
              b'{"item": 5}', b'{"item": null}', b"[" * 2000, b'{"a":' * 500, b"9" * 5000,
              b"GET / HTTP/1.1\r\n\r\n", b"a=b&c=d", b'{"event": "room_message"}',
              b"--x\r\nContent-Disposition: form-data\r\n"]

    def __init__(self, seed, url):
        self._random = random.Random(seed)
        self._paths = ["/hipchat/health", urlsplit(url).path, urlsplit(url).path + "?a=b"]

    def request(self):
        """One request, as bytes."""
        chance = self._random.random()
        if chance < 0.05:
            return bytes(self._random.randrange(256) for _ in range(self._random.randrange(200)))
        body = self._random.choice(self.BODIES) + (b"" if chance < 0.9 else bytes(
            self._random.randrange(256) for _ in range(50)))
        line = " ".join([self._random.choice(self.METHODS[:2] * 4 + self.METHODS), self._path(),
                         self._random.choice(["HTTP/1.1"] * 12 + self.VERSIONS)])
        headers = [self._random.choice(self.HEADERS) for _ in range(self._random.randrange(7))]
        end = self._random.choice(["\r\n"] * 8 + ["\n", "\r", "\0"])
        head = end.join([line] + headers + ["", ""]).replace("{length}", str(len(body)))
        whole = head.encode("latin-1") + body
        return whole if chance < 0.85 else whole[:self._random.randrange(len(whole) + 1)]

    def _path(self):
        if self._random.random() < 0.3:
            return self._random.choice(self._paths)
        return "/" + "".join(self._random.choice(self.PIECES)
                             for _ in range(self._random.randrange(6)))


class TestStrangers:
    """Requests of every kind."""

    def test_ten_thousand_of_them_get_no_5xx_leave_no_traceback_and_reach_no_rule(
            self, stackstorm, webhook):
        payloads, accepted = stackstorm.payloads(), stackstorm.health()["accepted"]
        strangers = [Strange(seed, webhook) for seed in range(25)]
        requests = [stranger.request() for stranger in strangers for _ in range(400)]
        with ThreadPoolExecutor(24) as pool:
            statuses = set(pool.map(lambda request: ask(webhook, request), requests))
        assert not [status for status in statuses if status and status >= 500]
        # Not all are refused for the same trifle.
        assert {None, 200, 400, 404, 405, 411} <= statuses
        assert stackstorm.payloads() == payloads
        assert stackstorm.health()["accepted"] == accepted
        assert "Traceback" not in stackstorm.log()
        assert stackstorm.health()["status"] == "ok"


class TestBodies:
    """Hostile bodies, posted to a signed URL."""

    HOSTILE = {
        "deep lists": b"[" * (MEBIBYTE - 1),
        "deep objects": b'{"a":' * (MEBIBYTE // 5),
        "deep and well-formed": b'{"item": ' + b"[" * 400000 + b"]" * 400000 + b"}",
        "deeper than a database takes": b'{"item": {"a": ' + b"[" * 60 + b"]" * 60 + b"}}",
        "many values": b'{"item": [' + b"1," * 500000 + b"1]}",
        "many keys": b'{"item": {' + b",".join(b'"%d":1' % each for each in range(80000)) + b"}}",
        "many objects": b'{"item": [' + b"{}," * 300000 + b"{}]}",
        "a huge number alone": b"9" * MEBIBYTE,
        "not a number": b'{"item": {"a": NaN}}', "infinity": b'{"item": {"a": -Infinity}}',
        "escapes": b'"' + b"\\u0000" * 170000, "not UTF-8": b"\xff" * MEBIBYTE,
        "UTF-16": raw_delivery().decode().encode("utf-16"), "blanks": b" " * MEBIBYTE,
        "gzip": b"\x1f\x8b\x08\0" + b"\0" * 1000}

    @pytest.mark.parametrize("kind", HOSTILE)
    def test_are_refused_cheaply(self, stackstorm, webhook, kind):
        before = processor_seconds(stackstorm.process)
        assert post_raw(webhook, self.HOSTILE[kind]).status == 400
        assert processor_seconds(stackstorm.process) - before < 1
        assert "Traceback" not in stackstorm.log()

    def test_of_a_mebibyte_that_are_text_are_taken(self, webhook):
        deliver(webhook, text="{{x " * (10 ** 4) + "x" * 10 ** 6)

    def test_whose_numbers_are_beyond_any_are_taken_with_the_digits(self, stackstorm, webhook):
        body = raw_delivery()[:-1] + b', "a": %s, "b": 1e999, "c": -1e999}' % (b"9" * 100000)
        assert post_raw(webhook, body).status == 204


def hold(url, kind):
    """Open a connection that never comes to an end; kind: how far it gets."""
    connection = connect(url)
    path = urlsplit(url).path
    start = ["", "PO", f"POST {path} HTTP/1.1\r\nX-Slow: ",
             f"POST {path} HTTP/1.1\r\nContent-Length: 500\r\n\r\n{{",
             "POST /x HTTP/1.1\r\nContent-Length: 500000\r\n\r\n{"][kind % 5]
    connection.sendall(start.encode())
    return connection


@contextlib.contextmanager
def slow_clients(url, count):
    """So many connections that each send one more byte now and then."""
    connections = [hold(url, number) for number in range(count)]
    done = threading.Event()

    def drip():
        while not done.wait(0.2):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield connections
    finally:
        done.set()
        thread.join()
        for connection in connections:
            connection.close()


def flood(url, kind, done):
    """Send what is not signed, as fast as may be, until done."""
    url = url[:url.index("/hipchat")] + "/hipchat/room_message/Factor/" + "x" * 43
    header = "Transfer-Encoding: chunked" if "chunk" in kind else "Content-Length: 99999999999"
    head = f"POST {urlsplit(url).path} HTTP/1.1\r\n{header}\r\n\r\n".encode()
    more = b"1\r\nx\r\n" * 10000 if kind == "tiny chunks" else b"1" * 65536
    while not done.is_set():
        with contextlib.suppress(OSError):
            if kind == "requests":
                post_raw(url, b"{}" * 500)
                continue
            with connect(url) as connection:
                connection.sendall(head)
                while not done.is_set():
                    connection.sendall(more)


@contextlib.contextmanager
def flooded(url, kind, clients=4):
    """So many clients that flood, each in a process of its own."""
    done = multiprocessing.Event()
    processes = [multiprocessing.Process(target=flood, args=(url, kind, done), daemon=True)
                 for _ in range(clients)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        done.set()
        for process in processes:
            process.join()


def processor_seconds(process):
    """How long the process has kept a processor busy."""
    with open(f"/proc/{process.pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def memory_of(process):
    """Its resident memory in MiB."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) / 1024


class TestHoldUps:
    """Signed deliveries during attacks on the endpoint."""

    def test_go_through_promptly_amid_two_hundred_slow_connections(self, webhook):
        alone = typical(webhook)
        with slow_clients(webhook, 200):
            amid = typical(webhook)
        assert amid < max(10 * alone, 0.3)

    def test_go_through_where_slow_clients_want_more_connections_than_there_are(
            self, hipchat, room, start_stackstorm):
        stackstorm = start_stackstorm(hipchat, webhook={"max_connections": 20})
        stackstorm.listen("message", room)
        url = signed_url(stackstorm, room)
        with slow_clients(url, 60):
            # Each could hold a connection for 15 s, and they all came first.
            assert deliver(url) < 12
            assert typical(url) < 5
        assert "Traceback" not in stackstorm.log()

    @pytest.mark.parametrize("kind", ["requests", "tiny chunks", "an endless chunk's size",
                                      "a body without end"])
    def test_are_hardly_delayed_by_a_flood_of_what_is_not_signed(self, stackstorm, webhook, kind):
        alone, before = typical(webhook), memory_of(stackstorm.process)
        with flooded(webhook, kind):
            amid = typical(webhook)
        # Measured side by side; the flood has processors of its own to take from the listener.
        assert amid < max(30 * alone, 0.3)
        assert memory_of(stackstorm.process) < before + 60

    def test_over_more_than_max_connections_are_all_taken(self, hipchat, room, start_stackstorm):
        stackstorm = start_stackstorm(hipchat, webhook={"max_connections": 5})
        stackstorm.listen("message", room)
        url = signed_url(stackstorm, room)
        with ThreadPoolExecutor(40) as pool:
            list(pool.map(lambda _: deliver(url), range(200)))
        assert stackstorm.health()["accepted"] == 200


class TestAllowFrom:
    """Networks from which alone requests are taken."""

    def posted(self, url, source, to="127.0.0.1"):
        """The status of a delivery from an IP address to the sensor's IP address `to`."""
        parts = urlsplit(url)
        url = parts._replace(netloc=f"{to}:{parts.port}").geturl()
        return post_raw(url, raw_delivery(), source=source).status

    def test_allow_their_addresses_and_no_others(self, listen):
        url = listen(allow_from=["127.0.0.2", "127.1.0.0/16", "10.0.0.0/8", "2001:db8::/32"])
        statuses = {source: self.posted(url, source) for source in [
            "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.1.2.3", "127.2.0.1"]}
        assert statuses == {"127.0.0.1": 403, "127.0.0.2": 204, "127.0.0.3": 403,
                            "127.1.2.3": 204, "127.2.0.1": 403}

    def test_are_of_the_connection_and_not_of_a_header(self, listen):
        assert post_raw(listen(allow_from=["127.0.0.2"]), b"{}", headers=[
            "Content-Length: 2", "X-Forwarded-For: 127.0.0.2", "X-Real-IP: 127.0.0.2",
            "Forwarded: for=127.0.0.2", "Remote-Addr: 127.0.0.2"]).status == 403

    def test_may_be_of_ipv6_and_know_ipv4_that_comes_by_it(self, listen):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no IPv6 here")
        url = listen(host="::", allow_from=["::1/128", "127.0.0.2/32"])
        assert self.posted(url, "::1", to="[::1]") == 204
        assert self.posted(url, "127.0.0.2") == 204
        assert self.posted(url, "127.0.0.1") == 403
