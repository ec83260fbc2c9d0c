"""Add-ons in the sandbox's HipChat: installed, called by webhooks, and uninstalled."""

import json

import jwt
import pytest
import requests
from support.waiting import wait_until
from support.web_server import HttpServer, Reply

from sandbox.control_client import SandboxError


class Addon(HttpServer):
    """An add-on: its descriptor, and what HipChat sent it."""

    def __init__(self):
        super().__init__(self._answer)
        self.callbacks, self.received, self.status = [], [], 200
        self.home, self.url = self.url, self.url + "/descriptor"
        self.consumer = {"fromName": "Tea Bot", "scopes": ["send_notification", "view_room"]}
        self.installable = {"callbackUrl": self.home + "/installed"}
        self.descriptor = {
            "key": "com.example.tea", "name": "Tea", "description": "Tells when tea is ready.",
            "links": {"self": self.url},
            "capabilities": {
                "hipchatApiConsumer": self.consumer, "installable": self.installable,
                "webhook": [{"event": "room_message", "url": self.home + "/hook/message",
                             "key": "tea-message", "authentication": "jwt"},
                            {"event": "room_created", "url": self.home + "/hook/created"}]}}

    def _answer(self, request):
        if request.method == "GET":
            return Reply(200, json.dumps(self.descriptor).encode())
        body = json.loads(request.body) if request.body else None
        if request.path.startswith("/hook/"):
            self.received.append((request.path, request.headers["Authorization"], body))
        else:
            self.callbacks.append((request.method, request.path, body))
        return Reply(self.status, b"not today" if self.status >= 300 else b"")

    def installation(self):
        """The body of the last callback."""
        return self.callbacks[-1][2]


def token_of(news, **more):
    """The response to an add-on that requests a token with its credentials."""
    capabilities = requests.get(news["capabilitiesUrl"], timeout=60).json()["capabilities"]
    return requests.post(capabilities["oauth2Provider"]["tokenUrl"], timeout=60,
                         auth=(news["oauthId"], news["oauthSecret"]),
                         data={"grant_type": "client_credentials", **more})


@pytest.fixture
def addon(hipchat):
    addon = Addon()
    yield addon
    addon.status = 200
    for each in hipchat.people.addons():
        hipchat.people.uninstall(each["id"])
    addon.stop()


class TestInstallation:
    def test_gives_the_addon_its_credentials(self, hipchat, addon):
        installed = hipchat.people.install(addon.url)
        method, path, news = addon.callbacks[0]
        assert (method, path) == ("POST", "/installed")
        assert sorted(news) == ["capabilitiesUrl", "groupId", "oauthId", "oauthSecret"]
        assert news["capabilitiesUrl"] == hipchat.url + "/capabilities"
        assert len(news["oauthSecret"]) == 40 and news["oauthId"] == installed["id"]
        assert hipchat.people.addons() == [installed]
        assert "oauthSecret" not in json.dumps(installed) and installed["scopes"] == [
            "send_notification", "view_room"]

    def test_in_a_room_gives_the_room_id(self, hipchat, addon):
        assert hipchat.people.install(addon.url, "Ops")["room"] == "Ops"
        assert addon.installation()["roomId"] == hipchat.get("/room/Ops").json()["id"]

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_fails_if_the_addon_refuses(self, hipchat, addon, status):
        addon.status = status
        with pytest.raises(SandboxError, match="Tea refused: it answered %d, not today" % status):
            hipchat.people.install(addon.url)
        assert hipchat.people.addons() == []
        assert token_of(addon.installation()).status_code == 401

    def test_fails_if_the_addon_is_not_there(self, hipchat, addon):
        addon.installable["callbackUrl"] = "http://127.0.0.1:1/"
        with pytest.raises(SandboxError, match="Tea did not answer at"):
            hipchat.people.install(addon.url)
        assert hipchat.people.addons() == []

    def test_is_where_the_descriptor_allows_it(self, hipchat, addon):
        addon.installable.update(allowGlobal=False)
        with pytest.raises(SandboxError, match="cannot be installed for the whole group"):
            hipchat.people.install(addon.url)
        addon.installable.update(allowGlobal=True, allowRoom=False)
        with pytest.raises(SandboxError, match="cannot be installed in a single room"):
            hipchat.people.install(addon.url, "Ops")
        assert addon.callbacks == []

    def test_of_two_rooms_is_two_installations(self, hipchat, addon):
        ids = {hipchat.people.install(addon.url, room)["id"] for room in ("Factor", "Ops", None)}
        assert len(ids) == len(hipchat.people.addons()) == 3

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://a", "data:,[]", "data:,{", "x"])
    def test_of_no_descriptor_is_refused(self, hipchat, addon, url):
        with pytest.raises(SandboxError, match="descriptor|obj"):
            hipchat.people.install(url)


def changes(path, value):
    """A change of a descriptor: the value at a path of keys, or None to leave it out."""
    def change(descriptor):
        *way, last = path.split(".")
        for key in way:
            descriptor = descriptor[int(key) if key.isdigit() else key]
        if value is None:
            del descriptor[last]
        else:
            descriptor[last] = value

    return change


class TestDescriptor:
    @pytest.mark.parametrize("path, value, field", [
        ("key", None, "key"), ("name", None, "name"), ("description", None, "description"),
        ("links.self", None, "self"), ("vendor", {"name": "Tea"}, "url"),
        ("vendor", {"name": "Tea", "url": "u", "x": 1}, "vendor"),
        ("apiVersion", "1", "apiVersion"),
        ("capabilities.installable.callbackUrl", None, "callbackUrl"),
        ("capabilities.hipchatApiConsumer.scopes", ["send_tea"], "scopes"),
        ("capabilities.hipchatApiConsumer.scopes", None, "scopes"),
        ("capabilities.webhook", {}, "webhook"),
        ("capabilities.webhook.0.event", "room_tea", "event"),
        ("capabilities.webhook.0.key", "a b", "key"),
        ("capabilities.webhook.0.pattern", "(", "pattern"),
        ("capabilities.webhook.0.authentication", "basic", "authentication"),
        ("capabilities.installable.allowRoom", "yes", "allowRoom")])
    def test_that_breaks_a_rule_is_refused(self, hipchat, addon, path, value, field):
        changes(path, value)(addon.descriptor)
        with pytest.raises(SandboxError, match=field):
            hipchat.people.install(addon.url)
        assert addon.callbacks == []

    @pytest.mark.parametrize("path, value", [
        ("vendor", {"name": "Tea", "url": "https://example.com"}), ("apiVersion", "1:1"),
        ("capabilities.glance", [{"key": "any"}]), ("capabilities.webhook.0.headers", {"a": "b"}),
        ("capabilities.hipchatApiConsumer.avatar", {"url": "https://example.com/a.png"})])
    def test_may_say_more(self, hipchat, addon, path, value):
        changes(path, value)(addon.descriptor)
        assert hipchat.people.install(addon.url)

    def test_is_shown_before_it_is_approved(self, hipchat, addon):
        offer = requests.post(hipchat.url.replace("/v2", "/sandbox/addons/offer"),
                              json={"url": addon.url}, timeout=60).json()
        assert (offer["name"], offer["scopes"]) == ("Tea", ["send_notification", "view_room"])
        assert addon.callbacks == [] and hipchat.people.addons() == []


class TestTokens:
    @pytest.fixture
    def client(self, hipchat, addon):
        """Calls HipChat as the add-on does: client(method, path) -> response."""
        def install(room=None):
            hipchat.people.install(addon.url, room)
            token = token_of(addon.installation()).json()["access_token"]
            return lambda method, path, **more: hipchat.api(method, path, token=token, **more)

        return install

    def test_have_the_scopes_of_the_descriptor(self, hipchat, addon):
        hipchat.people.install(addon.url)
        assert token_of(addon.installation()).json()["scope"] == "send_notification view_room"
        assert token_of(addon.installation(), scope="view_room").json()["scope"] == "view_room"
        assert token_of(addon.installation(), scope="admin_group").status_code == 400

    def test_notify_in_the_addons_name(self, hipchat, client):
        room = hipchat.make_room()
        assert client()("POST", f"/room/{room}/notification", json={"message": "Tea!"}).ok
        assert hipchat.people.transcript(room)[0]["who"] == "Tea Bot"
        item = hipchat.get(f"/room/{room}/history").json()["items"][0]
        assert item["notification_sender"] == {
            "type": "addon", "id": "com.example.tea",
            "client_id": hipchat.people.addons()[0]["id"]}

    def test_of_a_room_are_good_for_that_room_alone(self, client):
        call, tea = client("Ops"), {"message": "Tea!"}
        assert call("POST", "/room/Ops/notification", json=tea).status_code == 204
        assert call("POST", "/room/Factor/notification", json=tea).status_code == 403
        assert call("GET", "/room").status_code == 403

    @pytest.mark.parametrize("method, path", [
        ("POST", "/room/Ops/message"), ("POST", "/room/Ops/reply"),
        ("POST", "/room/Ops/share/link"), ("POST", "/room/Ops/invite/@SandboxOwner"),
        ("POST", "/user/@SandboxOwner/message"), ("GET", "/user/@SandboxOwner/history/latest")])
    def test_are_no_persons(self, addon, client, method, path):
        addon.consumer["scopes"] = ["send_message", "admin_room", "view_messages"]
        answer = client()(method, path + "?auth_test=true", json={})
        assert answer.status_code == 403
        assert answer.json()["error"]["message"].startswith(
            "This action can only be called by: user.")


class TestWebhooks:
    def test_are_signed_in_the_header_where_they_want_it(self, hipchat, addon):
        hipchat.people.install(addon.url)
        hipchat.people.say("Factor", "Robin Reed", "Tea?")
        hipchat.people.act("Made for tea", "Robin Reed", "created")
        wait_until(lambda: len(addon.received) == 2)
        news = addon.installation()
        received = {path: (header, body) for path, header, body in addon.received}
        header, body = received["/hook/message"]
        claims = jwt.decode(header[len("JWT "):], news["oauthSecret"], algorithms=["HS256"],
                            options={"verify_sub": False})
        assert claims["iss"] == body["oauth_client_id"] == news["oauthId"]
        assert claims["context"]["room_id"] == body["item"]["room"]["id"]
        assert received["/hook/created"][0] is None

    def test_of_a_room_deliver_from_that_room(self, hipchat, addon):
        hipchat.people.install(addon.url, "Ops")
        for room in ("Factor", "Ops"):
            hipchat.people.say(room, "Robin Reed", "Tea?")
        wait_until(lambda: hipchat.people.waiting() == 0)
        assert [body["item"]["room"]["name"] for _, _, body in addon.received] == ["Ops"]

    def test_are_made_by_key_up_to_ten_in_a_room(self, hipchat, addon):
        addon.consumer["scopes"] = ["admin_room"]
        hipchat.people.install(addon.url)
        token = token_of(addon.installation()).json()["access_token"]
        path = "/room/Ops/extension/webhook/key-%d"
        hook = {"url": addon.home + "/hook/enter", "event": "room_enter", "authentication": "jwt"}
        made = [hipchat.put(path % number, hook, token=token) for number in range(11)]
        assert [answer.status_code for answer in made] == [201] * 10 + [400]
        assert hipchat.put(path % 0, {**hook, "event": "room_exit"}, token=token).ok
        assert hipchat.get(path % 0, token=token).json()["event"] == "room_exit"
        assert hipchat.put(path % 0, hook).status_code == 403
        assert hipchat.delete(path % 0, token=token).status_code == 204
        assert hipchat.get(path % 0, token=token).status_code == 404


class TestUpdate:
    def test_keeps_the_client_where_the_addon_has_an_update_callback(self, hipchat, addon):
        addon.installable["updateCallbackUrl"] = addon.home + "/updated"
        first = hipchat.people.install(addon.url)
        secret = addon.installation()["oauthSecret"]
        addon.consumer["scopes"] = ["view_group"]
        addon.descriptor["capabilities"]["webhook"].pop()
        second = hipchat.people.install(addon.url)
        assert (second["id"], second["scopes"], second["events"]) == (
            first["id"], ["view_group"], ["room_message"])
        assert addon.callbacks[-1] == ("POST", "/updated", {
            "oauthId": first["id"], "capabilitiesUrl": hipchat.url + "/capabilities"})
        news = {**addon.installation(), "oauthSecret": secret}
        assert token_of(news).json()["scope"] == "view_group"

    def test_that_the_addon_refuses_changes_nothing(self, hipchat, addon):
        addon.installable["updateCallbackUrl"] = addon.home + "/updated"
        first = hipchat.people.install(addon.url)
        addon.consumer["scopes"] = ["view_group"]
        addon.status = 503
        with pytest.raises(SandboxError, match="Tea refused"):
            hipchat.people.install(addon.url)
        assert hipchat.people.addons() == [first]

    def test_is_another_installation_where_it_cannot(self, hipchat, addon):
        first = hipchat.people.install(addon.url)
        news = addon.installation()
        second = hipchat.people.install(addon.url)
        assert first["id"] != second["id"] and hipchat.people.addons() == [second]
        assert token_of(news).status_code == 401 and token_of(addon.installation()).ok


class TestUninstalling:
    def test_ends_all_that_the_addon_had_and_calls_it_back(self, hipchat, addon):
        addon.consumer["scopes"] = ["admin_room"]
        installed = hipchat.people.install(addon.url)
        news = addon.installation()
        token = token_of(news).json()["access_token"]
        hipchat.post("/room/Ops/webhook", {"url": addon.home, "event": "room_exit"}, token=token)
        assert hipchat.people.uninstall(installed["id"]) == {"status": 200, "error": None}
        assert addon.callbacks[-1] == ("DELETE", "/installed/" + installed["id"], None)
        assert token_of(news).status_code == 401
        assert hipchat.get("/room/Ops", token=token).status_code == 401
        assert hipchat.get("/room/Ops/webhook").json()["items"] == []
        hipchat.people.say("Ops", "Robin Reed", "Tea?")
        wait_until(lambda: hipchat.people.waiting() == 0)
        assert addon.received == []

    def test_goes_on_without_the_addon(self, hipchat, addon):
        installed = hipchat.people.install(addon.url)
        addon.status = 500
        assert "Tea refused" in hipchat.people.uninstall(installed["id"])["error"]
        assert hipchat.people.addons() == []

    def test_of_one_that_is_not_installed_is_an_error(self, hipchat):
        with pytest.raises(SandboxError, match="Add-on 'none' not found"):
            hipchat.people.uninstall("none")
