"""The sandbox's HipChat server, over a real socket in a process of its own."""

import base64
import contextlib
import hashlib
import hmac
import functools
import json
import re
import subprocess
import sys
import time

import pytest
import requests
from support import REPOSITORY
from support.api_client import HipChat, error, names
from support.waiting import wait_until

from sandbox.control_client import SandboxError

SMALLEST_CARD = {"style": "application", "id": "1", "title": "Build"}


@pytest.fixture(scope="module")
def start():
    with contextlib.ExitStack() as started:
        yield lambda *arguments: started.enter_context(HipChat(*arguments))


@pytest.fixture(scope="module")
def hipchat(start):
    return start("--token", "TOKEN", "--token", "READER:view_room,view_group",
                 "--room", "Factor", "--room", "Big Room", "--oauth", "an-addon:its-secret")


@pytest.fixture(autouse=True)
def healed(hipchat):
    yield
    hipchat.people.heal()


@pytest.fixture
def hook(hipchat, room, receiver):
    """Makes webhooks of the room that deliver to the receiver; returns their ids."""
    return functools.partial(hipchat.hook, room, receiver)


class TestProcess:
    """The command line, whole."""

    @pytest.fixture
    def run(self):
        with contextlib.ExitStack() as started:
            def start(*arguments):
                process = started.enter_context(subprocess.Popen(
                    [sys.executable, "-m", "sandbox", "hipchat", *arguments], cwd=str(REPOSITORY),
                    universal_newlines=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
                started.callback(process.kill)
                return process

            yield start

    def test_says_where_it_is_and_ends_quietly_on_sigterm(self, run):
        process = run("--port", "0", "--token", "TOKEN", "--room", "Factor")
        found = re.match(r"HipChat sandbox: (http://127.0.0.1:\d+)/v2\n$",
                         process.stdout.readline())
        assert process.stdout.readline() == (
            "To install an add-on, paste the URL of its descriptor on the chat page, {}/\n".format(
                found.group(1)))
        assert requests.get(found.group(1) + "/v2/room?auth_token=TOKEN", timeout=60).ok
        process.terminate()
        assert process.communicate(timeout=60) == ("", "") and process.returncode == 0

    def test_a_port_that_is_taken_is_an_error_with_the_remedy(self, run, hipchat):
        port = hipchat.url.split(":")[-1].split("/")[0]
        _, said = run("--port", port).communicate(timeout=60)
        assert "Choose another --port" in said

    @pytest.mark.parametrize("argument", [("--token", "TOKEN:view_rooms"), ("--oauth", "id")])
    def test_an_argument_that_makes_no_sense_is_an_error(self, run, argument):
        process = run("--port", "0", *argument)
        assert argument[1].split(":")[-1] in process.communicate(timeout=60)[1]
        assert process.returncode == 2


class TestTokens:
    def test_come_in_the_header_or_the_query(self, hipchat):
        assert hipchat.get("/room").status_code == 200
        assert hipchat.get("/room?auth_token=TOKEN", token=None).status_code == 200

    @pytest.mark.parametrize("token, code, kind, words", [
        (None, 401, "Unauthorized", "Authenticated requests only."),
        ("v1-group-key", 401, "Unauthorized", "Invalid OAuth session"),
        ("READER", 403, "Forbidden", "This action requires one of the following scopes: "
                                     "[u'send_notification']")])
    def test_must_be_known_and_have_the_scope_of_the_call(
            self, hipchat, token, code, kind, words):
        answer = hipchat.post("/room/Factor/notification", {"message": "hi"}, token=token)
        found = error(answer)
        assert (answer.status_code, found["code"], found["type"]) == (code, code, kind)
        assert found["message"].startswith(words)

    def test_can_be_tested_without_doing_anything(self, hipchat, room):
        answer = hipchat.post(f"/room/{room}/notification?auth_test=true", {"message": "hi"})
        assert answer.status_code == 202
        assert answer.json()["success"]["type"] == "Accepted"
        assert hipchat.people.transcript(room) == []

    def test_have_an_owner_and_scopes(self, hipchat):
        session = hipchat.get("/oauth/token/READER").json()
        assert session["scopes"] == ["view_room", "view_group"]
        assert session["owner_type"] == "user"
        assert session["owner"]["name"] == "Sandbox Owner"

    def test_capabilities_need_none(self, hipchat):
        whole = hipchat.get("/capabilities", token=None).json()
        home = hipchat.url[:-len("/v2")]
        assert whole["links"] == {"self": hipchat.url + "/capabilities", "api": hipchat.url,
                                  "homepage": home, "subdomain": home}
        assert sorted(whole["vendor"]) == ["name", "url"]
        assert whole["connect_server_api_version"] == 1
        assert whole["capabilities"]["oauth2Provider"] == {
            "tokenUrl": hipchat.url + "/oauth/token",
            "authorizationUrl": home + "/users/authorize"}


class TestIntegrations:
    def test_get_tokens_for_their_id_and_secret(self, hipchat):
        answer = requests.post(
            hipchat.url + "/oauth/token", auth=("an-addon", "its-secret"),
            data={"grant_type": "client_credentials", "scope": "view_room admin_room"})
        token = answer.json()
        assert len(token["access_token"]) == 40
        assert (token["token_type"], token["expires_in"]) == ("bearer", 3600)
        assert token["scope"] == "view_room admin_room"
        assert hipchat.get("/room", token=token["access_token"]).status_code == 200

    def test_with_a_wrong_secret_get_none(self, hipchat):
        answer = requests.post(hipchat.url + "/oauth/token", auth=("an-addon", "wrong"),
                               json={"grant_type": "client_credentials"})
        assert answer.status_code == 401

    def test_can_give_a_token_back(self, hipchat):
        token = self.token(hipchat)
        assert hipchat.delete("/oauth/token/" + token, token=token).status_code == 204
        assert hipchat.get("/room", token=token).status_code == 401

    def test_lose_tokens_that_are_too_old(self, start):
        hipchat = start("--oauth", "an-addon:its-secret", "--oauth-life", "0")
        assert hipchat.get("/room", token=self.token(hipchat)).status_code == 401

    def test_get_signed_deliveries(self, hipchat, room, receiver, hook):
        hook("room_enter", token=self.token(hipchat), authentication="jwt")
        hipchat.people.act(room, "Robin Reed", "enter")
        delivery = receiver.bodies(1)[0]
        path, headers, _ = receiver.received[0]
        token = headers["Authorization"][len("JWT "):]
        assert path == "/hook?signed_request=" + token
        signed, _, signature = token.rpartition(".")
        expected = hmac.new(b"its-secret", signed.encode(), hashlib.sha256).digest()
        assert decoded(signature) == expected
        header, claims = (json.loads(decoded(part)) for part in signed.split("."))
        assert header["alg"] == "HS256"
        assert claims["iss"] == delivery["oauth_client_id"] == "an-addon"
        assert claims["sub"] == str(delivery["item"]["sender"]["id"])
        assert claims["exp"] - claims["iat"] == 3600
        assert claims["context"]["room_id"] == delivery["item"]["room"]["id"]

    def test_only_they_get_signed_deliveries(self, hipchat):
        answer = hipchat.post("/room/Factor/webhook", {
            "url": "http://127.0.0.1:1", "event": "room_enter", "authentication": "jwt"})
        assert answer.status_code == 400

    @staticmethod
    def token(hipchat):
        answer = requests.post(hipchat.url + "/oauth/token", auth=("an-addon", "its-secret"),
                               json={"grant_type": "client_credentials"})
        return answer.json()["access_token"]


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class TestRooms:
    def test_are_found_by_id_and_by_encoded_name(self, hipchat):
        by_name = hipchat.get("/room/Big%20Room").json()
        assert by_name["name"] == "Big Room"
        assert hipchat.get("/room/%d" % by_name["id"]).json() == by_name

    def test_may_have_any_letters_in_their_name(self, hipchat):
        hipchat.post("/room", {"name": "Café ☕ 100%"})
        assert hipchat.get("/room/Caf%C3%A9%20%E2%98%95%20100%25").status_code == 200

    @pytest.mark.parametrize("name", ["Nowhere", "Big+Room", "big room"])
    def test_others_are_not_found(self, hipchat, name):
        answer = hipchat.get("/room/" + name)
        assert answer.status_code == 404
        assert error(answer) == {
            "code": 404, "message": f"Room '{name}' not found", "type": "Not Found"}

    def test_are_created_once(self, hipchat):
        answer = hipchat.post("/room", {"name": "Once", "topic": "Tea", "privacy": "private"})
        assert answer.status_code == 201
        assert answer.headers["Location"] == answer.json()["links"]["self"]
        assert hipchat.get("/room/Once").json()["topic"] == "Tea"
        again = hipchat.post("/room", {"name": "Once"})
        assert again.status_code == 409
        assert error(again)["message"] == "Another room exists with that name."

    def test_are_updated_as_a_whole(self, hipchat, room):
        whole = hipchat.get("/room/" + room).json()
        answer = hipchat.put("/room/" + room, {**whole, "name": room + " too", "topic": "New"})
        assert answer.status_code == 204
        changed = hipchat.get("/room/%d" % whole["id"]).json()
        assert (changed["name"], changed["topic"]) == (room + " too", "New")
        partly = hipchat.put("/room/%d" % whole["id"], {"is_archived": True})
        assert partly.status_code == 400

    def test_that_are_archived_are_listed_only_if_asked_for(self, hipchat, room):
        whole = hipchat.get("/room/" + room).json()
        hipchat.put("/room/" + room, {**whole, "is_archived": True})
        assert room not in self.listed(hipchat, "")
        assert room in self.listed(hipchat, "include-archived=true")

    def test_have_a_topic(self, hipchat, room):
        assert hipchat.put(f"/room/{room}/topic", {"topic": "Lunch"}).status_code == 204
        assert hipchat.get("/room/" + room).json()["topic"] == "Lunch"
        assert hipchat.put(f"/room/{room}/topic", {"topic": "x" * 251}).status_code == 400

    def test_have_statistics(self, hipchat, room):
        link = hipchat.get("/room/" + room).json()["statistics"]["links"]["self"]
        path = link[len(hipchat.url):]
        assert hipchat.get(path).json() == {
            "messages_sent": 0, "last_active": None, "links": {"self": link}}
        hipchat.people.say(room, "Robin Reed", "hi")
        statistics = hipchat.get(path).json()
        assert (statistics["messages_sent"], statistics["last_active"][:2]) == (1, "20")

    def test_are_not_created_under_a_slash(self, hipchat):
        answer = hipchat.post("/room/", {"name": "Slash"})
        assert (answer.status_code, error(answer)["type"]) == (405, "Method Not Allowed")

    def test_that_are_private_can_be_left_out_of_the_list(self, hipchat):
        name = next(names)
        hipchat.post("/room", {"name": name, "privacy": "private"})
        assert name in self.listed(hipchat, "include-private=true")
        assert name not in self.listed(hipchat, "include-private=false")

    def test_are_listed_a_thousand_a_page_at_most(self, hipchat):
        assert hipchat.get("/room?max-results=1000").json()["maxResults"] == 1000
        assert hipchat.get("/room?max-results=1001").status_code == 400

    def test_have_participants(self, hipchat, room):
        hipchat.people.act(room, "Robin Reed", "enter")
        participants = hipchat.get(f"/room/{room}/participant").json()["items"]
        assert [user["mention_name"] for user in participants] == ["RobinReed"]

    @pytest.mark.parametrize("privacy", ["private", "public"])
    def test_have_members(self, hipchat, privacy):
        room = next(names)
        hipchat.post("/room", {"name": room, "privacy": privacy})
        hipchat.people.act(room, "Robin Reed", "enter")
        member = f"/room/{room}/member/@RobinReed"
        assert hipchat.put(member).status_code == 204
        assert "Robin Reed" in self.members(hipchat, room)
        assert hipchat.delete(member).status_code == 204
        assert "Robin Reed" not in self.members(hipchat, room)

    def test_people_are_invited_to_them(self, hipchat, room):
        hipchat.people.say(room, "Kim Field", "here")
        answer = hipchat.post(f"/room/{room}/invite/@KimField", {"reason": "Cake"})
        assert answer.status_code == 204
        assert hipchat.people.inbox("Kim Field")[-1]["what"].endswith("Cake")

    @staticmethod
    def listed(hipchat, query):
        answer = hipchat.get("/room?max-results=1000&" + query)
        return [room["name"] for room in answer.json()["items"]]

    @staticmethod
    def members(hipchat, room):
        items = hipchat.get(f"/room/{room}/member").json()["items"]
        return [user["name"] for user in items]


class TestNotifications:
    def test_stand_in_the_room_as_they_were_sent(self, hipchat, room):
        answer = hipchat.post(f"/room/{room}/notification", {
            "message": "pong", "message_format": "text", "color": "green", "notify": True,
            "from": "Build", "card": {**SMALLEST_CARD, "icon": {"url": "http://a/b"}}})
        assert (answer.status_code, answer.content) == (204, b"")
        line = hipchat.people.transcript(room)[-1]
        assert (line["who"], line["what"], line["color"], line["format"], line["type"]) == (
            "Build", "pong", "green", "text", "notification")

    @pytest.mark.parametrize("mime_type, body, expected", [
        ("application/json", '{"message": "hi"}', ("hi", "html", "yellow")),
        ("application/x-www-form-urlencoded", "message=hi&color=red",
         ("hi", "html", "red")),
        ("text/plain", "hi", ("hi", "text", "yellow")),
        ("text/html; charset=utf-8", "<b>é</b>".encode("utf-8"), ("<b>é</b>", "html", "yellow")),
    ])
    def test_come_in_four_kinds_of_body(self, hipchat, room, mime_type, body, expected):
        answer = hipchat.call("POST", f"/room/{room}/notification", data=body,
                              headers={"Content-Type": mime_type})
        assert answer.status_code == 204
        line = hipchat.people.transcript(room)[-1]
        assert (line["what"], line["format"], line["color"]) == expected

    @pytest.mark.parametrize("fields, field, validation", [
        ({}, "message", "required"),
        ({"message": ""}, "message", "minLength"),
        ({"message": "x" * 10001}, "message", "maxLength"),
        ({"message": 5}, "message", "type"),
        ({"message": "x", "color": "grey"}, "color", "enum"),
        ({"message": "x", "message_format": "markdown"}, "message_format", "enum"),
        ({"message": "x", "from": "y" * 65}, "from", "maxLength"),
        ({"message": "x", "card": {"style": "link"}}, "title", "required"),
        ({"message": "x", "card": {**SMALLEST_CARD, "id": 1}}, "card.id", "type"),
        ({"message": "x", "card": {**SMALLEST_CARD, "icon": 1}}, "card.icon", "anyOf"),
        (["x"], "<obj>", "type"),
    ])
    def test_that_break_a_rule_are_refused(self, hipchat, room, fields, field, validation):
        answer = hipchat.post(f"/room/{room}/notification", fields)
        assert answer.status_code == 400
        assert (error(answer)["field"], error(answer)["validation"]) == (field, validation)
        assert hipchat.people.transcript(room) == []

    def test_are_refused_in_the_words_of_hipchat(self, hipchat):
        answer = hipchat.call("POST", "/room/Factor/notification",
                              data={"message": "x", "notify": "true"})
        assert error(answer) == {
            "code": 400, "expected_type": "boolean", "field": "notify", "type": "Bad Request",
            "message": "Value u'true' for field 'notify' is not of type 'boolean'",
            "validation": "type", "value": "true"}

    def test_may_say_true_in_a_text_as_servers_of_2017_took_it(self, hipchat, room):
        path = f"/room/{room}/notification"
        for notify, status in (("true", 204), ("false", 204), ("yes", 400), (1, 400)):
            answer = hipchat.post(path, {"message": "x", "notify": notify})
            assert answer.status_code == status

    def test_stand_alone_where_what_they_are_attached_to_is_not_there(self, hipchat, room):
        path = f"/room/{room}/notification"
        parent = hipchat.people.say(room, "Robin Reed", "who?")
        for attach_to in (parent, "no-such-message"):
            assert hipchat.post(path, {"message": "me", "attach_to": attach_to}).ok
        lines = hipchat.people.transcript(room)
        assert [line["attach_to"] for line in lines] == [None, parent, None]

    @pytest.mark.parametrize("mime_type, named", [(None, "None"), ("text/csv", "text/csv")])
    def test_of_no_known_content_type_are_refused(self, hipchat, mime_type, named):
        answer = hipchat.call("POST", "/room/Factor/notification", data=b"{}",
                              headers={"Content-Type": mime_type} if mime_type else {})
        assert (answer.status_code, error(answer)["message"]) == (
            400, "Invalid content type: " + named)

    @pytest.mark.parametrize("part", [
        {"icon": ""}, {"url": "https://example.com/1"}, {"title": "x" * 500},
        {"description": {"value": "x" * 1000, "format": "html"}},
        {"thumbnail": {"url": "x" * 250, "url@2x": "x" * 250}},
        {"attributes": [{"label": "x" * 50, "value": {"label": "y"}}]}])
    def test_may_have_cards_up_to_their_limits(self, hipchat, room, part):
        answer = hipchat.post(f"/room/{room}/notification",
                              {"message": "x", "card": {**SMALLEST_CARD, **part}})
        assert answer.status_code == 204, answer.text

    @pytest.mark.parametrize("part", [
        {"url": "build/1"}, {"title": "x" * 501}, {"description": {"value": "x"}},
        {"description": {"value": "x" * 1001, "format": "html"}},
        {"thumbnail": {"url": "x" * 251}}, {"thumbnail": {"url": "x", "url@2x": "x" * 251}},
        {"attributes": [{"label": "x" * 51, "value": {"label": "y"}}]},
        {"attributes": [{"label": "", "value": {"label": "y"}}]}])
    def test_cannot_have_cards_beyond_their_limits(self, hipchat, room, part):
        answer = hipchat.post(f"/room/{room}/notification",
                              {"message": "x", "card": {**SMALLEST_CARD, **part}})
        assert (answer.status_code, error(answer)["field"].split(".")[:2]) == (
            400, ["card", list(part)[0]])

    def test_that_are_no_json_are_refused(self, hipchat):
        answer = hipchat.call("POST", "/room/Factor/notification", data="{",
                              headers={"Content-Type": "application/json"})
        assert (answer.status_code, error(answer)["type"]) == (400, "Bad Request")

    def test_are_not_got(self, hipchat):
        answer = hipchat.get("/room/Factor/notification")
        assert answer.status_code == 405 and "POST" in answer.headers["Allow"]
        assert error(answer) == {
            "code": 405, "type": "Method Not Allowed",
            "message": "<p>The method is not allowed for the requested URL.</p>"}

    @pytest.mark.parametrize("path", ["/v2/rooms", "/v2/room/Factor/nosuch", "/sandbox/nosuch"])
    def test_unknown_paths_are_refused_in_plain_text(self, hipchat, path):
        answer = requests.get(hipchat.url[:-len("/v2")] + path, timeout=60)
        assert answer.status_code == 404 and error(answer)["message"].startswith(
            "The requested URL was not found")


class TestTalk:
    def test_a_message_is_the_owners_and_has_an_id(self, hipchat, room):
        answer = hipchat.post(f"/room/{room}/message", {"message": "hi"})
        assert answer.status_code == 201
        line = hipchat.people.transcript(room)[-1]
        assert (line["id"], line["who"]) == (answer.json()["id"], "Sandbox Owner")

    @pytest.mark.parametrize("name", ["parentMessageId", "parent_message_id"])
    def test_a_reply_hangs_on_its_parent(self, hipchat, room, name):
        parent = hipchat.people.say(room, "Robin Reed", "who?")
        body = {name: parent, "message": "me"}
        assert hipchat.post(f"/room/{room}/reply", body).status_code == 204
        assert hipchat.people.transcript(room)[-1]["attach_to"] == parent
        orphan = {name: "no-such-message", "message": "me"}
        assert hipchat.post(f"/room/{room}/reply", orphan).status_code == 404
        assert hipchat.post(f"/room/{room}/reply", {"message": "me"}).status_code == 400

    def test_a_link_is_shared(self, hipchat, room):
        body = {"link": "https://example.com/tea", "message": "Tea:"}
        assert hipchat.post(f"/room/{room}/share/link", body).status_code == 204
        assert hipchat.people.transcript(room)[-1]["what"] == "Tea: https://example.com/tea"

    def test_a_file_is_shared(self, hipchat, room, receiver, hook):
        hook("room_file_upload")
        answer = hipchat.call("POST", f"/room/{room}/share/file", data=MULTIPART, headers={
            "Content-Type": "multipart/related; boundary=sep"})
        assert answer.status_code == 204
        line = hipchat.people.transcript(room)[-1]
        assert (line["what"], line["file"]["name"], line["file"]["size"]) == ("Look", "a.txt", 5)
        assert receiver.bodies(1)[0]["item"]["file"] == line["file"]

    @pytest.mark.parametrize("mime_type", ["application/json", "multipart/related; boundary=x"])
    def test_a_body_that_is_no_file_is_refused(self, hipchat, mime_type):
        answer = hipchat.call("POST", "/room/Factor/share/file", data="{}",
                              headers={"Content-Type": mime_type})
        assert answer.status_code == 400

    def test_a_private_message_goes_to_one_person(self, hipchat, room):
        hipchat.people.say(room, "Kim Field", "here")
        answer = hipchat.post("/user/@KimField/message", {"message": "psst"})
        assert answer.status_code == 204
        assert hipchat.people.inbox("Kim Field")[-1]["what"] == "psst"


MULTIPART = b"""--sep\r
Content-Type: application/json; charset=UTF-8\r
Content-Disposition: attachment; name="metadata"\r
\r
{"message": "Look"}\r
--sep\r
Content-Type: text/plain\r
Content-Transfer-Encoding: base64\r
Content-Disposition: attachment; name="file"; filename="a.txt"\r
\r
aGVsbG8=\r
--sep--\r
"""


class TestWebhooks:
    def test_are_created_found_and_deleted(self, hipchat, room):
        body = {"url": "https://example.com/hook?key=1", "event": "room_message", "name": "ping"}
        answer = hipchat.post(f"/room/{room}/webhook", body)
        assert answer.status_code == 201
        path = "/room/%s/webhook/%d" % (room, answer.json()["id"])
        assert answer.headers["Location"] == answer.json()["links"]["self"]
        found = hipchat.get(path).json()
        assert {name: found[name] for name in body} == body
        assert found["room"]["name"] == room
        assert hipchat.delete(path).status_code == 204
        assert hipchat.get(path).status_code == hipchat.delete(path).status_code == 404

    def test_are_listed_in_pages(self, hipchat, room, hook):
        ids = [hook("room_message") for _ in range(5)]
        page = hipchat.get(f"/room/{room}/webhook?max-results=2&expand=items").json()
        assert "prev" not in page["links"] and page["items"][0]["creator"]
        found = page["items"]
        while "next" in page["links"]:
            page = hipchat.get(page["links"]["next"][len(hipchat.url):]).json()
            found += page["items"]
        assert [item["id"] for item in found] == ids
        assert (page["startIndex"], page["maxResults"]) == (4, 2)

    @pytest.mark.parametrize("url", ["example.com/hook", "/hook", "ftp://example.com",
                                     "http://[", "http://user:pass@example.com/hook"])
    def test_need_an_absolute_url(self, hipchat, url):
        answer = hipchat.post("/room/Factor/webhook", {"url": url, "event": "room_message"})
        assert answer.status_code == 400
        assert error(answer)["message"] == "Field url must be an absolute URL"

    @pytest.mark.parametrize("wrong", [{"event": "room_party"}, {"event": None}, {"key": "a b"},
                                       {"pattern": "("}, {"authentication": "basic"}])
    def test_that_cannot_work_are_refused(self, hipchat, wrong):
        body = {"url": "https://example.com", "event": "room_message", **wrong}
        assert hipchat.post("/room/Factor/webhook", body).status_code == 400


class TestDeliveries:
    def test_are_made_as_hipchat_made_them(self, hipchat, room, receiver, hook):
        hook_id = hook("room_message")
        message_id = hipchat.people.say(room, "Robin Reed", "ping é @RobinReed")
        delivery = receiver.bodies(1)[0]
        path, headers, body = receiver.received[0]
        assert body.decode() == json.dumps(delivery, sort_keys=True)
        assert path == "/hook"
        assert headers == {
            "Host": receiver.url[len("http://"):], "Content-Length": str(len(body)),
            "Content-Type": "application/json", "Accept-Encoding": "gzip", "Connection": "close"}
        assert (delivery["event"], delivery["webhook_id"]) == ("room_message", hook_id)
        assert isinstance(delivery["oauth_client_id"], str)
        message = delivery["item"]["message"]
        assert (message["id"], message["type"]) == (message_id, "message")
        assert message["message"] == "ping é @RobinReed"
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$", message["date"])
        assert message["from"]["mention_name"] == "RobinReed"
        assert message["mentions"] == [message["from"]]
        assert sorted(delivery["item"]["room"]) == [
            "id", "is_archived", "links", "name", "privacy", "version"]

    @pytest.mark.parametrize("event", ["enter", "exit", "archived", "unarchived", "created",
                                       "deleted", "room_enter"])
    def test_name_the_person_and_the_room(self, hipchat, room, receiver, hook, event):
        full_name = event if event.startswith("room_") else "room_" + event
        hook(full_name)
        hipchat.people.act(room, "Robin Reed", event)
        delivery = receiver.bodies(1)[0]
        assert delivery["event"] == full_name
        assert sorted(delivery["item"]) == ["room", "sender"]
        assert delivery["item"]["sender"]["name"] == "Robin Reed"
        assert delivery["item"]["room"]["name"] == room

    def test_of_a_topic_change_have_the_topic(self, hipchat, room, receiver, hook):
        hook("room_topic_change")
        hipchat.people.act(room, "Robin Reed", "topic_change", topic="Lunch")
        hipchat.put(f"/room/{room}/topic", {"topic": "Tea"})
        items = [body["item"] for body in receiver.bodies(2)]
        assert [item["topic"] for item in items] == ["Lunch", "Tea"]
        assert [item["sender"]["name"] for item in items] == ["Robin Reed", "Sandbox Owner"]

    def test_of_a_file_upload_have_the_file(self, hipchat, room, receiver, hook):
        hook("room_file_upload")
        hipchat.people.act(room, "Robin Reed", "file_upload", name="plan.pdf", size=7)
        file = receiver.bodies(1)[0]["item"]["file"]
        assert (file["name"], file["size"]) == ("plan.pdf", 7)

    def test_of_a_notification_are_from_a_string(self, hipchat, room, receiver, hook):
        hook("room_notification")
        hipchat.people.act(room, "Robin Reed", "notification", message="built", color="red")
        hipchat.post(f"/room/{room}/notification", {"message": "by the API"})
        by_hand, by_api = (body["item"]["message"] for body in receiver.bodies(2))
        assert (by_hand["from"], by_hand["color"]) == ("Robin Reed", "red")
        assert (by_api["from"], by_api["color"]) == ("Sandbox Owner", "yellow")
        assert (by_api["type"], by_api["message_format"]) == ("notification", "html")

    def test_honour_the_pattern_of_their_webhook(self, hipchat, room, receiver, hook):
        hook("room_message", pattern="(?i)PING .*")
        hook("room_enter", pattern="never")
        for words in ("nothing", "a ping here", "ping"):
            hipchat.people.say(room, "Robin Reed", words)
        hipchat.people.act(room, "Robin Reed", "enter")
        message, enter = receiver.bodies(2)
        assert message["item"]["message"]["message"] == "a ping here"
        assert enter["event"] == "room_enter"

    def test_keep_the_order_of_the_room(self, hipchat, room, receiver, hook):
        hook("room_message")
        hook("room_enter")
        for number in range(50):
            hipchat.people.say(room, "Robin Reed", str(number))
        hipchat.people.act(room, "Robin Reed", "enter")
        *messages, last = receiver.bodies(51)
        texts = [body["item"]["message"]["message"] for body in messages]
        assert texts == [str(number) for number in range(50)]
        assert last["event"] == "room_enter"

    def test_do_not_hold_up_the_api(self, hipchat, room, receiver, hook):
        hook("room_message")
        receiver.may_answer.clear()
        for _ in range(3):
            hipchat.people.say(room, "Robin Reed", "hi")
        assert hipchat.get("/room/" + room).ok
        wait_until(lambda: hipchat.people.waiting() == 3)
        receiver.may_answer.set()
        receiver.bodies(3)

    def test_are_recorded_once_each_also_if_they_fail(self, hipchat, room, receiver, hook):
        hook("room_message")
        receiver.status = 503
        body = {"url": "http://127.0.0.1:1/closed", "event": "room_message"}
        hipchat.post(f"/room/{room}/webhook", body)
        hipchat.people.forget()
        hipchat.people.say(room, "Robin Reed", "hi")
        wait_until(lambda: len(hipchat.people.deliveries()) == 2)
        refused, failed = sorted(hipchat.people.deliveries(), key=lambda d: d["url"] != body["url"])
        assert "refused" in refused["error"] and refused["status"] is None
        assert (failed["status"], failed["error"]) == (503, None)
        assert failed["event"] == "room_message" and failed["milliseconds"] > 0
        assert len(receiver.received) == 1

    def test_that_are_answered_with_a_notification_post_it(self, hipchat, room, receiver, hook):
        hook("room_message")
        receiver.status, receiver.answer = 200, b'{"message": "pong", "color": "green"}'
        hipchat.people.say(room, "Robin Reed", "ping")
        wait_until(lambda: len(hipchat.people.transcript(room)) == 2)
        line = hipchat.people.transcript(room)[-1]
        assert (line["what"], line["color"], line["type"]) == ("pong", "green", "notification")

    @pytest.mark.parametrize("answer", [b"ok", b'"ok"', b"{}", b'{"message": 5}', b"\xff"])
    def test_that_are_answered_with_anything_else_post_nothing(
            self, hipchat, room, receiver, hook, answer):
        hook("room_message")
        receiver.status, receiver.answer = 200, answer
        hipchat.people.say(room, "Robin Reed", "ping")
        wait_until(lambda: hipchat.people.waiting() == 0)
        assert len(hipchat.people.transcript(room)) == 1

    def test_a_room_that_is_created_by_hand_can_be_used(self, hipchat):
        name = next(names)
        hipchat.people.act(name, "Robin Reed", "created")
        hipchat.people.say(name, "Robin Reed", "first")
        assert hipchat.people.transcript(name)[0]["what"] == "first"


class TestLimits:
    def test_are_announced_with_every_answer(self, hipchat):
        answers = hipchat.get("/room"), hipchat.get("/room/Nowhere")
        for answer in answers:
            assert float(answer.headers["X-Ratelimit-Reset"]) > time.time()
        first, second = (int(answer.headers["X-Ratelimit-Remaining"]) for answer in answers)
        assert second == first - 1

    def test_hold_for_a_token_until_the_reset(self, start):
        hipchat = start("--token", "TOKEN", "--token", "OTHER", "--rate-limit", "2",
                        "--rate-window", "1")
        assert [hipchat.get("/room").status_code for _ in range(3)] == [200, 200, 429]
        refused = hipchat.get("/room")
        assert error(refused)["type"] == "Too Many Requests"
        assert refused.headers["X-Ratelimit-Limit"] == "2"
        assert refused.headers["X-Ratelimit-Remaining"] == "0"
        assert hipchat.get("/room", token="OTHER").status_code == 200
        wait_until(lambda: hipchat.get("/room").status_code == 200)

    def test_hold_for_messages_to_a_room(self, start):
        hipchat = start("--token", "TOKEN", "--room", "Factor", "--room", "Ops",
                        "--flood-limit", "1")
        sent = [hipchat.post(f"/room/{room}/notification", {"message": "hi"})
                for room in ("Factor", "Factor", "Ops")]
        assert [answer.status_code for answer in sent] == [204, 429, 204]
        assert sent[1].headers["X-FloodControl-Remaining"] == "0"
        assert int(sent[1].headers["X-Ratelimit-Remaining"]) > 0


class TestFaults:
    def test_have_a_status_and_strike_as_often_as_asked(self, hipchat):
        hipchat.people.faults({"paths": "/room$", "status": 503, "every": 2, "times": 2})
        statuses = [hipchat.get("/room").status_code for _ in range(6)]
        assert statuses == [200, 503, 200, 503, 200, 200]
        assert hipchat.get("/room/Factor").status_code == 200

    def test_strike_only_the_methods_asked_for(self, hipchat):
        hipchat.people.faults({"methods": ["POST"], "status": 500})
        assert hipchat.get("/room").status_code == 200
        assert hipchat.post("/room", {"name": "never"}).status_code == 500

    def test_can_break_the_connection(self, hipchat):
        hipchat.people.faults({"paths": "/room", "reset": True})
        with pytest.raises(requests.ConnectionError, match="reset"):
            hipchat.get("/room")

    def test_can_delay_the_answer(self, hipchat):
        hipchat.people.faults({"delay": 0.2})
        started = time.monotonic()
        assert hipchat.get("/room").status_code == 200
        assert time.monotonic() - started >= 0.2

    def test_can_answer_what_is_no_json(self, hipchat):
        hipchat.people.faults({"body": "<html>"})
        answer = hipchat.get("/room")
        assert (answer.status_code, answer.text) == (200, "<html>")

    @pytest.mark.parametrize("form, pattern, seconds", [
        (True, r"\d+\.\d$", lambda reset: float(reset) - time.time()),
        ("integer", r"\d+$", lambda reset: float(reset) - time.time()),
        ("relative", r"\d+$", float)])
    def test_can_limit_the_rate(self, hipchat, form, pattern, seconds):
        hipchat.people.faults({"rate_limited": form, "resets_in": 30})
        answer = hipchat.get("/room")
        assert answer.status_code == 429
        assert answer.headers["X-Ratelimit-Remaining"] == "0"
        reset = answer.headers["X-Ratelimit-Reset"]
        assert re.match(pattern, reset) and 28 < seconds(reset) <= 31

    def test_spare_the_playing_people_and_can_be_healed(self, hipchat):
        hipchat.people.faults({"status": 500}, {"reset": True})
        hipchat.people.say("Factor", "Robin Reed", "all is well")
        hipchat.people.heal()
        assert hipchat.get("/room").status_code == 200

    @pytest.mark.parametrize("fault", [{"paths": "("}, {"colour": "red"}, {"rate_limited": "no"}])
    def test_that_make_no_sense_are_refused(self, hipchat, fault):
        with pytest.raises(SandboxError):
            hipchat.people.faults(fault)


class TestRequests:
    def test_are_recorded_without_tokens(self, hipchat):
        hipchat.people.forget()
        hipchat.get("/room/Big%20Room?auth_token=TOKEN", token=None)
        hipchat.get("/oauth/token/TOKEN")
        hipchat.get("/room/Nowhere")
        calls = hipchat.people.requests()
        assert [(call["method"], call["path"], call["status"]) for call in calls] == [
            ("GET", "/v2/room/Big%20Room", 200), ("GET", "/v2/oauth/token/...", 200),
            ("GET", "/v2/room/Nowhere", 404)]

    def test_are_recorded_as_the_client_saw_them(self, hipchat):
        hipchat.people.forget()
        hipchat.people.faults({"status": 502, "times": 1}, {"reset": True, "times": 1})
        hipchat.get("/room")
        with pytest.raises(requests.ConnectionError):
            hipchat.get("/room")
        assert [call["status"] for call in hipchat.people.requests()] == [502, None]
