"""TLS: the listener's own, and that of a reverse proxy before it."""
import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import requests
from support.servers import Stackstorm, direct
from support.waiting import wait_until
from support.wire import connect, delivery, make_certificate

from sandbox.both_servers import free_port

CONFIGURATION = Path(__file__).resolve().parents[3] / "docs" / "nginx.conf"


def start_over_tls(directory, hipchat, files):
    """StackStorm with the pack, met over TLS with this certificate and key."""
    port = free_port()
    stackstorm = Stackstorm(directory, hipchat, webhook={
        "public_url": f"https://127.0.0.1:{port}/hipchat", "port": port,
        "tls_certificate": files[0], "tls_key": files[1]})
    stackstorm._session.verify = files[0]
    return stackstorm


@pytest.fixture(scope="module")
def secure(hipchat, tmp_path_factory):
    """A listener with TLS; files are its certificate and key, url a webhook."""
    directory = tmp_path_factory.mktemp("secure")
    files = make_certificate(directory)
    with start_over_tls(directory, hipchat, files) as process:
        process.files, room = files, hipchat.make_room()
        process.trigger = process.listen("message", room)
        process.url, = [hook["url"] for hook in process.webhooks(room)]
        yield process


def post(stackstorm, url, **more):
    """The status of the answer to a POST that trusts this StackStorm's certificate."""
    with direct() as http:
        http.verify = stackstorm.files[0]
        return http.post(url, **dict({"timeout": 60}, **more)).status_code


def handshake(url, certificate=None, version=None, ciphers=None):
    """Shake hands; returns (TLS version, the certificate's common name)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if certificate:
        context.load_verify_locations(certificate)
    else:
        context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.set_ciphers(ciphers)
    if version:
        context.minimum_version = context.maximum_version = version
    with connect(url) as plain, context.wrap_socket(plain) as encrypted:
        subject = dict(part[0] for part in (encrypted.getpeercert() or {}).get("subject", ()))
        return encrypted.version(), subject.get("commonName")


class TestListener:
    """The sensor with a certificate and a key."""

    def test_takes_a_signed_delivery_and_dispatches_it(self, secure):
        assert post(secure, secure.url, json=delivery("over TLS")) == 204
        wait_until(lambda: "over TLS" in secure.texts(secure.trigger))

    @pytest.mark.parametrize("status, end, body", [
        (404, "x", b"{}"), (400, "", b"{"), (413, "", b"x" * 1200000)])
    def test_refuses_what_it_refuses_without_tls(self, secure, status, end, body):
        assert post(secure, secure.url + end, data=body) == status

    @pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
    def test_speaks_tls_1_2_and_1_3(self, secure, version):
        spoken, _ = handshake(secure.url, secure.files[0], ssl.TLSVersion[version])
        assert spoken == version.replace("_", ".")

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
    def test_speaks_nothing_older(self, secure, version):
        with pytest.raises(ssl.SSLError) as caught:
            # At OpenSSL's usual level the client would not even ask.
            handshake(secure.url, None, ssl.TLSVersion[version], "ALL:@SECLEVEL=0")
        assert "ALERT" in caught.value.reason

    @pytest.mark.parametrize("sent", [
        b"GET /hipchat/health HTTP/1.1\r\nHost: st2\r\n\r\n", b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\xff\xff" + b"\0" * 70000, b"\0" * 100, b"SSH-2.0-x\r\n",
        b"\x80\x2e\x01\x00"])
    def test_hangs_up_on_plain_text_and_reveals_nothing(self, secure, sent):
        with connect(secure.url) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65536)
            except OSError:  # it has hung up already
                answer = b""
        assert len(answer) < 16 and b"HTTP" not in answer  # an alert at most
        assert secure.health()["status"] == "ok"

    def test_serves_others_while_a_hundred_clients_never_shake_hands(self, secure):
        silent = [connect(secure.url) for _ in range(100)]
        for each in silent[:50]:
            each.sendall(b"\x16\x03\x01")
        assert post(secure, secure.url, json=delivery(), timeout=5) == 204
        for each in silent:
            each.close()

    def test_logs_nothing_of_clients_that_go_wrong(self, secure):
        secure.health()
        assert "Traceback" not in secure.log() and "SSL" not in secure.log()


class TestCertificate:
    """The files, as they come and go."""

    def renew(self, directory, files, name):
        """Put a new certificate in place as certbot does: two files, one after the other."""
        for made, place in zip(make_certificate(directory, name, prefix="new-"), files):
            os.replace(made, place)

    def name_of(self, stackstorm):
        return handshake(stackstorm.url, stackstorm.files[0])[1]

    def test_that_is_renewed_is_used_without_a_restart(self, secure, tmp_path):
        started = secure.process.pid
        for name in ("first", "second"):
            self.renew(tmp_path, secure.files, name)
            assert self.name_of(secure) == name
        assert secure.process.pid == started and secure.process.poll() is None

    def test_that_does_not_fit_its_key_is_a_problem_and_the_former_one_stays_in_use(
            self, secure, tmp_path):
        former = tmp_path / "former.pem"
        shutil.copy(secure.files[0], str(former))
        files = make_certificate(tmp_path, "third", prefix="new-")
        os.replace(files[0], secure.files[0])
        secure._session.verify = str(former)
        health = secure.health()
        assert health["status"] == "degraded"
        assert health["reasons"] == ["TLS: the renewed certificate cannot be used"]
        assert secure.health() and secure.log().count("the renewed certificate cannot be used") == 1
        line, = secure.log_lines("renewed certificate")
        assert all(file in line for file in secure.files) and "KEY_VALUES_MISMATCH" in line
        os.replace(files[1], secure.files[1])
        secure._session.verify = secure.files[0]
        assert secure.health()["status"] == "ok"
        assert self.name_of(secure) == "third"

    def test_that_is_away_for_a_while_goes_on_serving(self, secure, tmp_path):
        away = str(tmp_path / "away.pem")
        os.replace(secure.files[0], away)
        secure._session.verify = away
        assert secure.health()["status"] == "degraded"
        os.replace(away, secure.files[0])
        secure._session.verify = secure.files[0]
        assert secure.health()["status"] == "ok"

    @pytest.mark.parametrize("trouble, words", [
        ("missing", "No such file or directory"), ("mismatch", "KEY_VALUES_MISMATCH"),
        ("empty", "are not a certificate and its key"),
        ("encrypted", "are not a certificate and its key")])
    def test_that_cannot_be_used_at_the_start_is_logged_and_used_when_it_can(
            self, hipchat, tmp_path, trouble, words):
        files = make_certificate(tmp_path)
        good = tmp_path / "good.pem"
        shutil.copy(files[1], str(good))
        if trouble == "missing":
            os.remove(files[1])
        elif trouble == "mismatch":
            os.replace(make_certificate(tmp_path, prefix="other-")[1], files[1])
        elif trouble == "empty":
            Path(files[1]).write_text("")
        else:
            subprocess.run(["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", str(good),
                            "-out", files[1]], check=True, stderr=subprocess.DEVNULL)
        with start_over_tls(tmp_path, hipchat, files) as stackstorm:
            wait_until(lambda: words in stackstorm.log())
            line, = stackstorm.log_lines(words)
            assert "webhook.tls_certificate and webhook.tls_key" in line and files[1] in line
            assert stackstorm.health() == {}
            os.replace(str(good), files[1])
            wait_until(stackstorm.health)
            assert "Traceback" not in stackstorm.log()


@pytest.fixture(scope="module")
def proxied(hipchat, tmp_path_factory):
    """StackStorm behind a real nginx with the configuration of docs/; `files` are nginx's."""
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not nginx:
        pytest.skip("nginx is not here")
    directory = tmp_path_factory.mktemp("nginx")
    files, port = make_certificate(directory), free_port()
    process = Stackstorm(directory, hipchat, webhook={
        "public_url": f"https://127.0.0.1:{port}/hipchat"})
    configuration = CONFIGURATION.read_text()
    for written, here in [
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("http://127.0.0.1:8088", f"http://127.0.0.1:{process.config['webhook']['port']}"),
            ("/etc/nginx/st2.example.com.crt", files[0]),
            ("/etc/nginx/st2.example.com.key", files[1]),
            ("/var/log/nginx/", f"{directory}/")]:
        assert written in configuration
        configuration = configuration.replace(written, here)
    places = "".join(f"{name}_temp_path {directory}/{name};\n" for name in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/pid; events {{}}\n"
        f"http {{ access_log {directory}/access.log;\n{places}{configuration}\n}}\n")
    child = subprocess.Popen(
        [nginx, "-p", str(directory), "-e", str(directory / "error.log"),
         "-c", str(directory / "nginx.conf")], stderr=subprocess.DEVNULL)
    process.files = files
    process._session.verify = files[0]
    try:
        wait_until(lambda: answers(process))
        yield process
    finally:
        child.terminate()
        child.wait()
        process.stop()


def answers(stackstorm):
    """Whether both nginx and the listener behind it are there."""
    try:
        return stackstorm._session.get(stackstorm.listener + "/health", timeout=60).ok
    except requests.ConnectionError:
        return False


class TestReverseProxy:
    """nginx in front, configured as docs/nginx.conf shows."""

    def test_passes_deliveries_on(self, room, proxied):
        proxied.listen("message", room)
        url, = [hook["url"] for hook in proxied.webhooks(room)]
        assert post(proxied, url, json=delivery()) == 204

    def test_answers_404_for_what_is_not_signed_and_413_for_what_is_too_large(self, proxied):
        unsigned = proxied.listener + "/room_message/Factor/" + "x" * 43
        assert post(proxied, unsigned, json={}) == 404
        assert post(proxied, proxied.listener + "/x", data=b"x" * 1100000, timeout=10) == 413

    def test_speaks_tls_only(self, proxied):
        with pytest.raises(requests.exceptions.SSLError):
            direct().get(proxied.listener + "/health", timeout=60)
        assert handshake(proxied.listener, proxied.files[0])[0] in ("TLSv1.2", "TLSv1.3")

    def test_writes_no_signed_url_to_a_log(self, proxied):
        logs = [(proxied.directory / name).read_text()
                for name in ("access.log", "error.log", "hipchat.log")]
        assert "room_message" not in "".join(logs)
