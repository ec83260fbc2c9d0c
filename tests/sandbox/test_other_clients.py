"""The sandbox's HipChat is like the real one: clients that others wrote for that work with it."""
import os
import shutil
import subprocess
import sys

import pytest
from conftest import TOKEN, Hipchat

from sandbox.control_client import ControlClient

ROOM = "War Room"

NOTIFY = """
const notifier = require('hipchat-notifier').make(process.env.ROOM, process.env.TOKEN, 'npm',
                                                  process.env.HOST);
const kinds = ['notice', 'info', 'success', 'warning', 'failure'];
const next = () => {
  const kind = kinds.shift();
  if (kind) notifier[kind](kind === 'failure' ? '<b>failure</b>' : kind, (error, response) => {
    if (error || response.statusCode !== 204) throw new Error(error || response.statusCode);
    next();
  });
};
next();
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate with its key: two of the clients speak nothing but TLS."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not here")
    directory = tmp_path_factory.mktemp("tls")
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)], check=True, stderr=subprocess.DEVNULL)
    (directory / "both.pem").write_text(certificate.read_text() + key.read_text())
    return directory


@pytest.fixture(scope="module")
def secure(certificate):
    """A HipChat that is served over TLS."""
    server = Hipchat("--tls", str(certificate / "both.pem"), "--room", ROOM, "--user", "Anna",
                     "--user", "Berta")
    server.people = ControlClient(server.url, str(certificate / "certificate.pem"))
    yield server
    server.stop()


def lines(server):
    return server.people.transcript(ROOM)


def installed(command, directory):
    """Install a client into a directory, or skip the test where its registry is out of reach."""
    done = subprocess.run(command, cwd=str(directory), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        pytest.skip("{} failed: {}".format(" ".join(command[:4]), done.stdout.strip()[-200:]))
    return directory


@pytest.fixture
def hypchat(secure, certificate):
    """HypChat, by Riders Discount: Python."""
    module = pytest.importorskip("hypchat")
    return module.HypChat(TOKEN, endpoint=secure.url[:-len("/v2")],
                          verify=str(certificate / "certificate.pem"))


class TestHypchat:
    def test_capabilities(self, hypchat, secure):
        assert hypchat.capabilities()["links"]["api"] == secure.url

    def test_talking_in_a_room(self, hypchat, secure):
        room = hypchat.get_room(ROOM)
        room.message("hello")
        room.reply("hello yourself", lines(secure)[-1]["id"])
        room.notification("<b>done</b>", color="green", notify=True)
        room.notification("@Anna look", format="text")
        room.topic("Lunch")
        assert [(line["what"], line["type"], line["color"]) for line in lines(secure)[-5:-1]] == [
            ("hello", "message", None), ("hello yourself", "message", None),
            ("<b>done</b>", "notification", "green"), ("@Anna look", "notification", "yellow")]
        assert hypchat.get_room(ROOM)["topic"] == "Lunch"

    def test_history(self, hypchat, secure):
        room = hypchat.get_room(ROOM)
        for number in range(3):
            room.message(str(number))
        newest = lines(secure)[-2]["id"]
        assert [item["message"] for item in room.latest(not_before=newest)["items"]] == ["1", "2"]
        assert [item["message"] for item in room.history()["items"]][-3:] == [
            "0", "1", "2"]

    def test_making_changing_and_deleting_a_room(self, hypchat):
        made = hypchat.create_room("Made by HypChat", owner=hypchat.get_user("@Anna"))
        room = hypchat.fromurl(made["links"]["self"])
        room["privacy"] = "private"
        room.save()
        names = [each["name"] for each in hypchat.rooms().contents()]
        assert hypchat.get_room("Made by HypChat")["privacy"] == "private"
        assert "Made by HypChat" in names
        room.delete()
        assert "Made by HypChat" not in [each["name"] for each in hypchat.rooms().contents()]

    def test_members_participants_and_invitations(self, hypchat, secure):
        made = hypchat.fromurl(hypchat.create_room("Private", privacy="private")["links"]["self"])
        berta = hypchat.get_user("@Berta")
        made.members().add(berta)
        assert "Berta" in [user["name"] for user in made.members().contents()]
        made.members().remove(berta)
        assert "Berta" not in [user["name"] for user in made.members().contents()]
        made.invite(berta, "Cake")
        assert secure.people.inbox("Berta")[-1]["what"].endswith("Cake")
        secure.people.act("Private", "Berta", "enter")
        assert [user["name"] for user in made.participants()["items"]] == ["Berta"]

    def test_webhooks(self, hypchat):
        room = hypchat.get_room(ROOM)
        made = room.create_webhook("https://example.com/hook", "room_message", "^/echo", "echo")
        hook = hypchat.fromurl(made["links"]["self"])
        assert (hook["event"], hook["pattern"]) == ("room_message", "^/echo")
        assert [each["name"] for each in room.webhooks().contents()] == ["echo"]
        hook.delete()
        assert list(room.webhooks().contents()) == []

    def test_people(self, hypchat, secure):
        assert "Anna" in [user["name"] for user in hypchat.users().contents()]
        anna = hypchat.get_user("@Anna")
        anna.message("psst")
        assert secure.people.inbox("Anna")[-1]["what"] == "psst"
        assert [item["message"] for item in anna.history()["items"]] == ["psst"]

    def test_errors(self, hypchat):
        from hypchat.requests import HttpNotFound
        with pytest.raises(HttpNotFound):
            hypchat.get_room("Nowhere")


def test_hipnotify(hipchat, room, tmp_path, monkeypatch):
    """hipnotify, by Akira Chiku: Python. (Its pin of requests keeps it out of our own.)"""
    monkeypatch.syspath_prepend(str(installed(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", ".",
         "hipnotify==1.0.8"], tmp_path)))
    import hipnotify
    sender = hipnotify.Room(hipchat.token, room, endpoint_url=hipchat.url[:-len("/v2")])
    answer = sender.notify("hello", color="purple", notify=True)
    line = hipchat.people.transcript(room)[-1]
    assert (answer.status_code, line["what"], line["color"]) == (204, "hello", "purple")
    # What it sends by default is a text where HipChat wants a boolean, which HipChat refused too.
    answer = sender.notify("hello")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "notify")


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here")
def test_hipchat_notifier(secure, certificate, tmp_path):
    """hipchat-notifier, by Brice Burgess: JavaScript."""
    installed(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline",
               "hipchat-notifier@1.1.0"], tmp_path)
    before = len(lines(secure))
    subprocess.run(["node", "-e", NOTIFY], cwd=str(tmp_path), check=True, timeout=30, env=dict(
        os.environ, ROOM=ROOM.replace(" ", "%20"), TOKEN=TOKEN,
        HOST=secure.url[len("https://"):-len("/v2")],
        NODE_EXTRA_CA_CERTS=str(certificate / "certificate.pem")))
    assert [(line["what"], line["color"], line["format"]) for line in lines(secure)[before:]] == [
        ("notice", "gray", "text"), ("info", "yellow", "text"), ("success", "green", "text"),
        ("warning", "purple", "text"), ("<b>failure</b>", "red", "html")]
