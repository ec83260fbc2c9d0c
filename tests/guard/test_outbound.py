"""Calls to HipChat reach HipChat alone, and reveal nothing to proxies."""
import base64
import contextlib
import select
import socket
import threading
from pathlib import Path

import pytest
from support.servers import TOKEN, Hipchat
from support.waiting import wait_until
from support.web_server import HttpServer, Reply
from support.wire import make_certificate

from hipchat.api.client import Client
from hipchat.errors import NoAnswer
from hipchat.config.api_settings import ApiSettings

PROXIES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


class Proxy:
    """A proxy that makes tunnels by CONNECT, and keeps all that it can read."""

    def __init__(self):
        self.asked, self.seen = [], b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.asked.append(head.decode())
        self.seen += head
        host, _, port = head.split()[1].decode().rpartition(":")
        with contextlib.suppress(ConnectionError), client, socket.create_connection(
                (host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Tunnel\r\n\r\n")
            while True:
                for end in select.select([client, server], [], [], 10)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    self.seen += data
                    (server if end is client else client).sendall(data)

    def stop(self):
        self._listener.close()


@pytest.fixture
def proxy(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    server = Proxy()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A HipChat behind TLS; certificate is the path of the one that it shows."""
    directory = tmp_path_factory.mktemp("secure-hipchat")
    files = make_certificate(directory)
    both = directory / "both.pem"
    both.write_text("".join(Path(file).read_text() for file in files))
    with Hipchat("--tls", str(both), "--room", "Factor", ca_bundle=files[0]) as server:
        server.certificate = files[0]
        yield server


def client(url, **config):
    return Client(ApiSettings.from_config(dict({"api_url": url, "api_key": TOKEN}, **config)))


class TestRedirection:
    """Away from HipChat."""

    def test_of_the_call_for_a_token_takes_the_secret_nowhere(self):
        oauth = {"id": "our-id", "secret": "an-oauth-secret-that-stays-here"}
        with HttpServer() as other, HttpServer(Reply(302, headers={
                "Location": other.url + "/elsewhere"})) as stranger:
            with pytest.raises(NoAnswer, match="redirected"):
                client(stranger.url + "/v2", api_key=None, oauth=oauth).call("GET", "room")
            assert other.requests == []


class TestTls:
    """HipChat's certificate."""

    def test_holds_for_a_whole_sensor_and_its_actions(self, secure, start_stackstorm):
        room = secure.make_room()
        stackstorm = start_stackstorm(secure, ca_bundle=secure.certificate)
        trigger = stackstorm.listen("message", room)
        secure.people.say(room, "Ann", "hello")
        assert stackstorm.received(trigger)[0]["message"] == "hello"
        assert stackstorm.run_action("hipchat.send", room=room, message="hi")[0]
        assert "verify_tls" not in stackstorm.log()

    def test_that_is_not_verified_is_logged_at_every_start(self, secure, start_stackstorm):
        stackstorm = start_stackstorm(secure, verify_tls=False)
        stackstorm.listen("message", secure.make_room())
        stackstorm.restart()
        wait_until(stackstorm.health)
        warnings = stackstorm.log_lines("verify_tls is false")
        assert len(warnings) == 2 and all(" WARN " in line for line in warnings)


class TestProxy:
    """A proxy that the environment names."""

    @pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
    def test_carries_https_in_a_tunnel_and_sees_nothing_of_it(
            self, secure, proxy, monkeypatch, name):
        monkeypatch.setenv(name, "http://me:my-password@" + proxy.address)
        assert client(secure.url, ca_bundle=secure.certificate).call("GET", "room")["items"]
        asked, = proxy.asked
        assert asked.startswith("CONNECT " + secure.url.split("/")[2])
        password = base64.b64encode(b"me:my-password").decode()
        assert "proxy-authorization: basic " + password.lower() in asked.lower()
        assert TOKEN.encode() not in proxy.seen and b"Bearer" not in proxy.seen

    def test_in_a_tunnel_changes_nothing_about_trust(self, secure, proxy, monkeypatch):
        monkeypatch.setenv("https_proxy", "http://" + proxy.address)
        with pytest.raises(NoAnswer, match="not trusted"):
            client(secure.url).call("GET", "room")
        assert len(proxy.asked) == 1

    def test_of_another_scheme_is_not_asked(self, secure, proxy, monkeypatch):
        monkeypatch.setenv("http_proxy", "http://" + proxy.address)
        assert client(secure.url, ca_bundle=secure.certificate).call("GET", "room")["items"]
        assert proxy.asked == []

    def test_serves_a_whole_sensor(self, secure, proxy, monkeypatch, start_stackstorm):
        monkeypatch.setenv("https_proxy", "http://" + proxy.address)
        stackstorm = start_stackstorm(secure, ca_bundle=secure.certificate)
        stackstorm.listen("message", secure.make_room())
        assert proxy.asked and TOKEN.encode() not in proxy.seen
