"""The sandbox's HipChat server, over a real socket in a process of its own."""
import json
import re
import threading
import time

import jwt
import pytest
import requests
from support.waiting import wait_until
from support.web_server import Reply

from sandbox.control_client import SandboxError

SMALLEST_CARD = {"style": "application", "id": "1", "title": "Build"}


@pytest.fixture(autouse=True)
def healed(hipchat):
    yield
    hipchat.people.heal()


class TestTokens:
    def test_can_be_tested_without_doing_anything(self, hipchat, room):
        answer = hipchat.post(f"/room/{room}/notification?auth_test=true", {"message": "hi"})
        assert answer.status_code == 202
        assert answer.json()["success"]["type"] == "Accepted"
        assert hipchat.people.transcript(room) == []

    def test_have_an_owner_and_scopes(self, hipchat):
        session = hipchat.get("/oauth/token/READER").json()
        assert session["scopes"] == ["view_room", "view_group"]
        assert session["owner_type"] == "user"
        assert session["owner"]["mention_name"] == "SandboxOwner"

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
    def test_get_tokens_for_their_id_and_secret(self, hipchat, credentials):
        answer = hipchat.post("/oauth/token", auth=credentials, data={
            "grant_type": "client_credentials", "scope": "view_room admin_room"})
        token = answer.json()
        assert len(token["access_token"]) == 40
        assert (token["token_type"], token["expires_in"]) == ("bearer", 3600)
        assert token["scope"] == "view_room admin_room"
        assert hipchat.get("/room", token=token["access_token"]).status_code == 200

    def test_can_give_a_token_back(self, hipchat, addon_token):
        assert hipchat.delete("/oauth/token/" + addon_token, token=addon_token).status_code == 204
        assert hipchat.get("/room", token=addon_token).status_code == 401

    def test_lose_tokens_that_are_too_old(self, start_hipchat):
        hipchat = start_hipchat("--oauth", "an-addon:its-secret", "--oauth-life", "0")
        token = hipchat.oauth_token("an-addon", "its-secret")
        assert hipchat.get("/room", token=token).status_code == 401

    def test_get_signed_deliveries(
            self, hipchat, room, receiver, hook, bodies, addon_token, credentials):
        hook("room_enter", token=addon_token, authentication="jwt")
        hipchat.people.act(room, "Robin Reed", "enter")
        delivery, = bodies(1)
        token = receiver.requests[0].headers["Authorization"][len("JWT "):]
        assert receiver.requests[0].path == "/hook?signed_request=" + token
        claims = jwt.decode(token, credentials[1], algorithms=["HS256"])
        assert claims["iss"] == delivery["oauth_client_id"] == "an-addon"
        assert claims["sub"] == str(delivery["item"]["sender"]["id"])
        assert claims["exp"] - claims["iat"] == 3600
        assert claims["context"]["room_id"] == delivery["item"]["room"]["id"]


class TestRooms:
    def test_are_created_at_a_location(self, hipchat):
        answer = hipchat.post("/room", {"name": "New"})
        assert answer.status_code == 201
        assert answer.headers["Location"] == answer.json()["links"]["self"]

    def test_are_updated_as_a_whole(self, hipchat, room):
        whole = hipchat.get("/room/" + room).json()
        assert hipchat.put("/room/" + room, {**whole, "topic": "New"}).status_code == 204
        assert hipchat.get("/room/" + room).json()["topic"] == "New"

    def test_have_statistics(self, hipchat, room):
        link = hipchat.get("/room/" + room).json()["statistics"]["links"]["self"]
        path = link[len(hipchat.url):]
        assert hipchat.get(path).json() == {
            "messages_sent": 0, "last_active": None, "links": {"self": link}}
        hipchat.people.say(room, "Robin Reed", "hi")
        statistics = hipchat.get(path).json()
        assert (statistics["messages_sent"], statistics["last_active"][:2]) == (1, "20")


class TestNotifications:
    @pytest.mark.parametrize("mime_type, body, expected", [
        ("application/json", '{"message": "hi"}', ("hi", "html", "yellow")),
        ("application/x-www-form-urlencoded", "message=hi&color=red",
         ("hi", "html", "red")),
        ("text/plain", "hi", ("hi", "text", "yellow")),
        ("text/html; charset=utf-8", "<b>é</b>".encode("utf-8"), ("<b>é</b>", "html", "yellow")),
    ])
    def test_come_in_four_kinds_of_body(self, hipchat, room, mime_type, body, expected):
        answer = hipchat.post(f"/room/{room}/notification", data=body,
                              headers={"Content-Type": mime_type})
        assert (answer.status_code, answer.content) == (204, b"")
        line = hipchat.people.transcript(room)[-1]
        assert (line["what"], line["format"], line["color"]) == expected

    @pytest.mark.parametrize("notify", ["true", "false"])
    def test_may_say_it_in_a_text_as_servers_of_2017_took_it(self, hipchat, room, notify):
        answer = hipchat.post(f"/room/{room}/notification", {"message": "x", "notify": notify})
        assert answer.status_code == 204

    def test_stand_alone_where_what_they_are_attached_to_is_not_there(self, hipchat, room):
        path = f"/room/{room}/notification"
        parent = hipchat.people.say(room, "Robin Reed", "who?")
        for attach_to in (parent, "no-such-message"):
            assert hipchat.post(path, {"message": "me", "attach_to": attach_to}).ok
        lines = hipchat.people.transcript(room)
        assert [line["attach_to"] for line in lines] == [None, parent, None]

    @pytest.mark.parametrize("part", [
        {"icon": ""}, {"url": "https://example.com/1"}, {"title": "x" * 500},
        {"description": {"value": "x" * 1000, "format": "html"}},
        {"thumbnail": {"url": "x" * 250, "url@2x": "x" * 250}},
        {"attributes": [{"label": "x" * 50, "value": {"label": "y"}}]}])
    def test_may_have_cards_up_to_their_limits(self, hipchat, room, part):
        answer = hipchat.post(f"/room/{room}/notification",
                              {"message": "x", "card": {**SMALLEST_CARD, **part}})
        assert answer.status_code == 204, answer.text


class TestWebhooks:
    def test_are_created_found_and_deleted(self, hipchat, room):
        body = {"url": "https://example.com/hook?key=1", "event": "room_message", "name": "ping"}
        answer = hipchat.post(f"/room/{room}/webhook", body)
        assert answer.status_code == 201
        path = f"/room/{room}/webhook/{answer.json()['id']}"
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


class TestDeliveries:
    def test_are_made_as_hipchat_made_them(self, hipchat, room, receiver, hook, bodies):
        hook_id = hook("room_message")
        message_id = hipchat.people.say(room, "Robin Reed", "ping é @RobinReed")
        delivery, = bodies(1)
        posted = receiver.requests[0]
        assert posted.body.decode() == json.dumps(delivery, sort_keys=True)
        assert posted.path == "/hook"
        assert dict(posted.headers) == {
            "Host": receiver.url[len("http://"):], "Content-Length": str(len(posted.body)),
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

    @pytest.mark.parametrize("event, given, expected", [
        ("enter", {}, {}), ("exit", {}, {}), ("archived", {}, {}), ("unarchived", {}, {}),
        ("created", {}, {}), ("deleted", {}, {}), ("room_enter", {}, {}),
        ("topic_change", {"topic": "Lunch"}, {"topic": "Lunch"}),
        ("file_upload", {"name": "plan.pdf", "size": 7}, {"file": {
            "name": "plan.pdf", "size": 7, "url": "https://files.example.com/plan.pdf"}})])
    def test_name_the_person_and_the_room(
            self, hipchat, room, hook, bodies, event, given, expected):
        full_name = event if event.startswith("room_") else "room_" + event
        hook(full_name)
        hipchat.people.act(room, "Robin Reed", event, **given)
        delivery, = bodies(1)
        person, place = delivery["item"].pop("sender"), delivery["item"].pop("room")
        assert (delivery["event"], delivery["item"]) == (full_name, expected)
        assert (person["name"], place["name"]) == ("Robin Reed", room)

    def test_of_the_apis_calls_are_from_the_tokens_owner(self, act, hipchat, room, hook, bodies):
        for event in ("room_topic_change", "room_file_upload", "room_notification"):
            hook(event)
        hipchat.put(f"/room/{room}/topic", {"topic": "Tea"})
        act("share_file", room=room, name="plan.txt", content="tea")
        hipchat.post(f"/room/{room}/notification", {"message": "by the API"})
        topic, upload, notification = (body["item"] for body in bodies(3))
        assert (topic["topic"], topic["sender"]["name"]) == ("Tea", "Sandbox Owner")
        assert upload["file"] == hipchat.people.transcript(room)[1]["file"]
        message = notification["message"]
        assert (message["from"], message["color"]) == ("Sandbox Owner", "yellow")
        assert (message["type"], message["message_format"]) == ("notification", "html")

    def test_of_a_notification_are_from_a_string(self, hipchat, room, hook, bodies):
        hook("room_notification")
        hipchat.people.act(room, "Robin Reed", "notification", message="built", color="red")
        message = bodies(1)[0]["item"]["message"]
        assert (message["from"], message["color"]) == ("Robin Reed", "red")

    def test_honour_the_pattern_of_their_webhook(self, hipchat, room, hook, bodies):
        hook("room_message", pattern="(?i)PING .*")
        hook("room_enter", pattern="never")
        for words in ("nothing", "a ping here", "ping"):
            hipchat.people.say(room, "Robin Reed", words)
        hipchat.people.act(room, "Robin Reed", "enter")
        message, enter = bodies(2)
        assert message["item"]["message"]["message"] == "a ping here"
        assert enter["event"] == "room_enter"

    def test_keep_the_order_of_the_room(self, hipchat, room, hook, bodies):
        hook("room_message")
        hook("room_enter")
        for number in range(50):
            hipchat.people.say(room, "Robin Reed", str(number))
        hipchat.people.act(room, "Robin Reed", "enter")
        *messages, last = bodies(51)
        texts = [body["item"]["message"]["message"] for body in messages]
        assert texts == [str(number) for number in range(50)]
        assert last["event"] == "room_enter"

    def test_do_not_hold_up_the_api(self, hipchat, room, receiver, hook):
        may_answer = threading.Event()
        receiver.reply = lambda _: may_answer.wait(60) and Reply()
        hook("room_message")
        for _ in range(3):
            hipchat.people.say(room, "Robin Reed", "hi")
        assert hipchat.get("/room/" + room).ok
        wait_until(lambda: hipchat.people.waiting() == 3)
        may_answer.set()
        wait_until(lambda: len(receiver.requests) == 3)

    def test_are_recorded_once_each_also_if_they_fail(self, hipchat, room, receiver, hook):
        hook("room_message")
        receiver.reply = lambda _: Reply(503)
        closed = "http://127.0.0.1:1/closed"
        hipchat.make_webhook(room, closed)
        hipchat.people.forget()
        hipchat.people.say(room, "Robin Reed", "hi")
        wait_until(lambda: len(hipchat.people.deliveries()) == 2)
        refused, failed = sorted(hipchat.people.deliveries(), key=lambda d: d["url"] != closed)
        assert "refused" in refused["error"] and refused["status"] is None
        assert (failed["status"], failed["error"]) == (503, None)
        assert failed["event"] == "room_message" and failed["milliseconds"] > 0
        assert len(receiver.requests) == 1

    def test_that_are_answered_with_a_notification_post_it(self, hipchat, room, receiver, hook):
        hook("room_message")
        receiver.reply = lambda _: Reply(200, b'{"message": "pong", "color": "green"}')
        hipchat.people.say(room, "Robin Reed", "ping")
        wait_until(lambda: len(hipchat.people.transcript(room)) == 2)
        line = hipchat.people.transcript(room)[-1]
        assert (line["what"], line["color"], line["type"]) == ("pong", "green", "notification")

    @pytest.mark.parametrize("answer", [b"ok", b'"ok"', b"{}", b'{"message": 5}', b"\xff"])
    def test_that_are_answered_with_anything_else_post_nothing(
            self, hipchat, room, receiver, hook, answer):
        hook("room_message")
        receiver.reply = lambda _: Reply(200, answer)
        hipchat.people.say(room, "Robin Reed", "ping")
        wait_until(lambda: hipchat.people.waiting() == 0)
        assert len(hipchat.people.transcript(room)) == 1

    def test_a_room_that_is_created_by_hand_can_be_used(self, hipchat):
        hipchat.people.act("Made by hand", "Robin Reed", "created")
        hipchat.people.say("Made by hand", "Robin Reed", "first")
        assert hipchat.people.transcript("Made by hand")[0]["what"] == "first"


class TestLimits:
    def test_are_announced_with_every_answer(self, hipchat):
        answers = hipchat.get("/room"), hipchat.get("/room/Nowhere")
        for answer in answers:
            assert float(answer.headers["X-Ratelimit-Reset"]) > time.time()
        first, second = (int(answer.headers["X-Ratelimit-Remaining"]) for answer in answers)
        assert second == first - 1

    def test_hold_for_a_token_until_the_reset(self, start_hipchat):
        hipchat = start_hipchat("--token", "OTHER", "--rate-limit", "2", "--rate-window", "1")
        assert [hipchat.get("/room").status_code for _ in range(3)] == [200, 200, 429]
        refused = hipchat.get("/room")
        assert refused.json()["error"]["type"] == "Too Many Requests"
        assert refused.headers["X-Ratelimit-Limit"] == "2"
        assert refused.headers["X-Ratelimit-Remaining"] == "0"
        assert hipchat.get("/room", token="OTHER").status_code == 200
        wait_until(lambda: hipchat.get("/room").status_code == 200)

    def test_hold_for_messages_to_a_room(self, start_hipchat):
        hipchat = start_hipchat("--room", "Factor", "--room", "Ops", "--flood-limit", "1")
        sent = [hipchat.post(f"/room/{room}/notification", {"message": "hi"})
                for room in ("Factor", "Factor", "Ops")]
        assert [answer.status_code for answer in sent] == [204, 429, 204]
        assert sent[1].headers["X-FloodControl-Remaining"] == "0"
        assert int(sent[1].headers["X-Ratelimit-Remaining"]) > 0


class TestFaults:
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
        hipchat.get("/room/Big%20Room?auth_token=" + hipchat.token, token=None)
        hipchat.get("/oauth/token/" + hipchat.token)
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
