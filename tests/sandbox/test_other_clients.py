"""The sandbox's HipChat is like the real one: clients that others wrote for that work with it."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.servers import TOKEN, Hipchat, direct
from support.waiting import wait_until
from support.wire import make_certificate

ROOM = "War Room"

CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A folder with a certificate and its key: two of the clients speak nothing but TLS."""
    directory = tmp_path_factory.mktemp("tls")
    files = make_certificate(directory)
    (directory / "both.pem").write_text("".join(Path(file).read_text() for file in files))
    return directory


@pytest.fixture(scope="module")
def secure(certificate):
    """A HipChat that is served over TLS."""
    with Hipchat("--tls", str(certificate / "both.pem"), "--room", ROOM, "--user", "Anna",
                 "--user", "Berta", ca_bundle=str(certificate / "certificate.pem")) as server:
        yield server


def lines(server):
    return server.people.transcript(ROOM)


@pytest.fixture
def installed(request):
    """Install packages once, in pytest's cache: installed([command, ...], [package, ...]) -> path.

    The test is skipped where their registry is out of reach.
    """
    def install(command, packages):
        directory = Path(str(request.config.cache.mkdir("clients"))) / packages[0]
        mark = directory / "installed"
        if not mark.exists():
            directory.mkdir(exist_ok=True)
            done = subprocess.run(command + packages, cwd=str(directory), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, universal_newlines=True)
            if done.returncode:
                pytest.skip(f"{' '.join(packages)} failed: {done.stdout[-200:].strip()}")
            mark.touch()
        return directory

    return install


@pytest.fixture
def npm(installed):
    """Install npm's packages: npm(package, ...) -> the path of the directory of all of them."""
    if not shutil.which("npm"):
        pytest.skip("npm is not here")
    return lambda *packages: installed(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"],
        list(packages)) / "node_modules"


def node(modules, *arguments, cwd=CLIENTS, **environment):
    """Run JavaScript that uses these modules; returns what it has to say."""
    return subprocess.run(
        ["node", *arguments], cwd=str(cwd), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, timeout=60,
        env=dict(os.environ, NODE_PATH=str(modules), **environment))


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

    def test_making_a_person_with_nothing_but_a_name(self, hypchat):
        made = hypchat.create_user("Carla", "carla@example.com")
        assert hypchat.fromurl(made["links"]["self"])["mention_name"] == "Carla"
        other = hypchat.users().create("Dora", "dora@example.com", timezone=None)
        assert hypchat.fromurl(other["links"]["self"])["timezone"] == "UTC"


def test_hipnotify(hipchat, room, installed, monkeypatch):
    """hipnotify, by Akira Chiku: Python. (Its pin of requests keeps it out of our own.)"""
    monkeypatch.syspath_prepend(str(installed(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", "."],
        ["hipnotify==1.0.8"])))
    import hipnotify
    sender = hipnotify.Room(hipchat.token, room, endpoint_url=hipchat.url[:-len("/v2")])
    sender.notify("hello", color="purple", notify=True)
    # What it sends by default is a text where HipChat wants a boolean; HipChat of 2017 took it.
    answer = sender.notify("hello again")
    assert answer.status_code == 204
    assert [(line["what"], line["color"]) for line in hipchat.people.transcript(room)] == [
        ("hello", "purple"), ("hello again", "green")]


def test_hipchat_notifier(secure, certificate, npm):
    """hipchat-notifier, by Brice Burgess: JavaScript."""
    before = len(lines(secure))
    done = node(npm("hipchat-notifier@1.1.0"), "hipchat_notifier.js",
                ROOM=ROOM.replace(" ", "%20"), TOKEN=TOKEN,
                HOST=secure.url[len("https://"):-len("/v2")],
                NODE_EXTRA_CA_CERTS=str(certificate / "certificate.pem"))
    assert done.returncode == 0, done.stderr
    assert [(line["what"], line["color"], line["format"]) for line in lines(secure)[before:]] == [
        ("notice", "gray", "text"), ("info", "yellow", "text"), ("success", "green", "text"),
        ("warning", "purple", "text"), ("<b>failure</b>", "red", "html")]


def test_hipchatter(start_hipchat, npm, tmp_path):
    """hipchatter, by Charlton Roberts: JavaScript. Its own suite, with nothing left out."""
    modules = npm("hipchatter@1.0.0", "mocha@1.14.0", "chai@1.8.1", "colors@0.6.2")
    user = {"name": "Test User", "mention_name": "test", "email": "test@example.com",
            "title": "Tester", "timezone": "UTC", "is_group_admin": False, "password": ""}
    hipchat = start_hipchat("--room", "Hipchatter")
    # What its README wants to be there.
    hipchat.api("POST", "/user", json=user)
    hipchat.people.say("Hipchatter", "Anna", "hello")
    settings = {
        "endpoint": hipchat.url.replace("127.0.0.1", "hipchat.example.com") + "/",
        "apikey": TOKEN, "room_token": TOKEN, "webhook_url": "https://example.com/hook",
        "test_room": "Hipchatter", "test_user": user, "disposable_room": "Disposable Room",
        "disposable_user": dict(user, mention_name="other", email="other@example.com")}
    shutil.copytree(str(modules / "hipchatter"), str(tmp_path / "hipchatter"))
    (tmp_path / "hipchatter" / "test" / "settings.json").write_text(json.dumps(settings))
    done = node(modules, "--require", str(CLIENTS / "hosts.js"),
                str(modules / "mocha" / "bin" / "_mocha"), "--reporter", "json",
                "--timeout", "30000", cwd=tmp_path / "hipchatter")
    report = json.loads(done.stdout)
    assert [test["fullTitle"] for test in report["failures"]] == []
    assert report["stats"]["passes"] == report["stats"]["tests"] == 77


def test_ac_node_hipchat(start_hipchat, npm):
    """ac-node-hipchat, by Atlassian: what add-ons in JavaScript were built on."""
    hipchat = start_hipchat("--room", ROOM, "--oauth", "an-addon:its-secret")
    done = node(npm("ac-node-hipchat@0.2.14"), "ac_node_hipchat.js", HIPCHAT=hipchat.url,
                ROOM=ROOM, ID="an-addon", SECRET="its-secret", TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failed"] == {} and len(report["passed"]) == 38
    assert [line["what"] for line in lines(hipchat)] == [
        "hello", "hello to you", "look https://example.com/tea"]


GLANCE = {"key": "tea", "name": {"value": "Tea"}, "target": "tea.panel",
          "queryUrl": "https://example.com/tea", "icon": {"url": "https://example.com/tea.png"}}
UPLOAD = ("--hipfileboundary\nContent-Type: application/json; charset=UTF-8\n"
          "Content-Disposition: attachment; name=\"metadata\"\n\n{\"message\": \"tea\"}\n"
          "--hipfileboundary\nContent-Type: image/png charset=UTF-8\n"
          "Content-Transfer-Encoding: base64\n"
          "Content-Disposition: attachment; name=file; filename=tea.png\n\naGk=\n"
          "--hipfileboundary\n")
GO_CALLS = [
    ("GET", "room?expand=items&include-archived=true&max-results=5", None),
    ("GET", "room/{room}", None), ("GET", "room/{room}/statistics", None),
    ("POST", "room/{room}/notification", {
        "message": "tea", "card": {"style": "application", "title": "Tea", "id": "1",
                                   "description": {"format": "text", "value": "hot"},
                                   "attributes": [{"value": {"label": "x", "type": "lozenge"}}]}}),
    ("POST", "room/{room}/message", {"message": "tea"}),
    ("POST", "room", {"name": "Made by Go", "topic": ""}),
    ("PUT", "room/{room}", {
        "name": ROOM, "topic": "Tea", "is_guest_accessible": False, "is_archived": False,
        "privacy": "public", "owner": {"id": 2001}}),
    ("GET", "room/{room}/history?date=recent&timezone=UTC", None),
    ("GET", "room/{room}/history/latest?max-results=1", None),
    ("PUT", "room/{room}/topic", {"topic": "Tea"}),
    ("POST", "room/{room}/invite/@Anna", {"reason": "Tea"}),
    ("PUT", "room/{room}/member/@Anna", {"roles": ["room_member"]}),
    ("PUT", "room/{room}/member/@Anna", "null"), ("DELETE", "room/{room}/member/@Anna", None),
    ("POST", "room/{room}/share/file", UPLOAD), ("POST", "user/@Anna/share/file", UPLOAD),
    ("PUT", "room/{room}/extension/glance/tea", GLANCE),
    ("POST", "addon/ui/room/{room}", {"glance": [{
        "key": "tea", "content": {"label": {"type": "html", "value": "hot"}}}]}),
    ("DELETE", "room/{room}/extension/glance/tea", None),
    ("POST", "room/{room}/webhook", {"name": "tea", "event": "room_message", "pattern": "",
                                     "url": "https://example.com/tea"}),
    ("GET", "room/{room}/webhook?max-results=5", None),
    ("GET", "user?include-guests=true&include-deleted=true", None), ("GET", "user/@Anna", None),
    ("POST", "user/@Anna/message", {"message": "tea"}),
    ("PUT", "user/@Anna", {"name": "Anna", "mention_name": "Anna", "email": "anna@example.com",
                           "presence": {"status": "", "show": "chat"}}),
    ("GET", "emoticon?type=global", None)]


RUBY_CALLS = [
    ("POST", "room", {"name": "Made by Ruby", "guest_access": False}),
    ("PUT", "room/{room}", {
        "name": ROOM, "topic": "Tea", "privacy": "public", "is_archived": False,
        "is_guest_accessible": False, "owner": {"id": 2001}}),
    ("POST", "room/{room}/invite/@Anna", {"reason": ""}),
    ("PUT", "room/{room}/member/@Anna", {"room_roles": ["room_member"]}),
    ("POST", "room/{room}/message", {"room_id": ROOM, "message": "tea"}),
    ("POST", "room/{room}/notification", {
        "room_id": ROOM, "from": "Ruby", "message": "tea", "message_format": "html",
        "color": "yellow", "notify": False}),
    ("POST", "room/{room}/reply", {"message": "tea", "parent_message_id": "{id}"}),
    ("POST", "room/{room}/share/link", {
        "room_id": ROOM, "from": "Ruby", "message": "look", "link": "https://example.com/tea"}),
    ("PUT", "room/{room}/topic", {"room_id": ROOM, "from": "API", "topic": "Coffee"}),
    ("GET", "room/{room}/history?room_id=1001&date=recent&timezone=UTC&format=JSON&max-results=100"
     "&start-index=0", None),
    ("GET", "room/{room}/statistics?room_id=1001", None),
    ("POST", "room/{room}/webhook", {
        "url": "https://example.com/tea", "pattern": "", "event": "room_exit", "name": ""}),
    ("GET", "room/{room}/webhook?start-index=0&max-results=100", None),
    ("GET", "user?expand=items", None),
    ("POST", "user/@Anna/message", {"message": "x", "message_format": "text", "notify": False}),
    ("PUT", "user/@Anna", {
        "name": "Anna", "presence": {"status": None, "show": None}, "mention_name": None,
        "timezone": "UTC", "email": "anna@example.com"})]


@pytest.mark.parametrize("calls", [GO_CALLS, RUBY_CALLS], ids=["hipchat-go", "hipchat-rb"])
def test_requests_of_other_clients_are_accepted(start_hipchat, calls):
    """hipchat-go, by Thomas Bruyelle: Go, byte for byte as it writes its bodies. hipchat-rb, by
    HipChat: Ruby, with the token in the query."""
    hipchat = start_hipchat("--room", ROOM, "--user", "Anna", "--oauth", "an-addon:its-secret")
    message_id = hipchat.people.say(ROOM, "Anna", "hello")
    addon = hipchat.oauth_token("an-addon", "its-secret")
    refused = []
    for method, path, body in calls:
        text = body if isinstance(body, str) else json.dumps(body) if body else ""
        token = addon if "glance" in path or "addon/" in path else TOKEN
        mime_type = "multipart/related; boundary=hipfileboundary" if body is UPLOAD else (
            "application/json")
        credentials = {"params": {"auth_token": token}} if calls is RUBY_CALLS else {}
        response = direct().request(
            method, f"{hipchat.url}/{path.format(room='War%20Room')}",
            data=text.replace("{id}", message_id), timeout=60, headers={
                "Content-Type": mime_type,
                **({} if credentials else {"Authorization": "Bearer " + token})}, **credentials)
        if not response.ok:
            refused.append((method, path, response.text))
    assert refused == []
    if calls is GO_CALLS:
        assert lines(hipchat)[-1]["file"]["name"] == "tea.png"


def test_atlassian_connect_express_hipchat(start_hipchat, npm):
    """atlassian-connect-express-hipchat, by Atlassian: installed, called by a webhook, and gone."""
    hipchat = start_hipchat("--room", ROOM, "--user", "Anna")
    modules = npm("atlassian-connect-express-hipchat@0.3.9", "express@4.21.2")
    with subprocess.Popen(
            ["node", "ace.js"], cwd=str(CLIENTS), stdout=subprocess.PIPE, universal_newlines=True,
            env=dict(os.environ, NODE_PATH=str(modules), NODE_NO_WARNINGS="1")) as addon:
        try:
            def output():
                return json.loads(addon.stdout.readline())

            installed = hipchat.people.install(output()["url"], ROOM)
            assert output() == {"emitted": "installed", "group": "Sandbox"}
            assert [output()["emitted"] for _ in range(2)] == [
                "plugin_enabled", "host_settings_saved"]
            hipchat.people.say(ROOM, "Anna", "tea!")
            assert output() == {"identity": {"groupId": 1, "roomId": 1001, "userId": 2002}}
            wait_until(lambda: len(lines(hipchat)) == 2)
            assert (lines(hipchat)[1]["who"], lines(hipchat)[1]["what"]) == ("Tea", "Coming")
            assert hipchat.people.uninstall(installed["id"]) == {"status": 204, "error": None}
        finally:
            addon.kill()
