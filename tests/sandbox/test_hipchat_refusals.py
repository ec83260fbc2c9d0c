"""The requests that the sandbox's HipChat refuses, with the statuses and the words of HipChat."""
import pytest
from support.servers import direct

HOOK = {"url": "https://example.com", "event": "room_message"}
PERSON = {"name": "Lou Marsh", "mention_name": "lou", "email": "lou@example.com",
          "title": "Cook", "timezone": "Europe/Berlin"}
SMALLEST_CARD = {"style": "application", "id": "1", "title": "Build"}
NOT_THERE = "The requested URL was not found"
NO_METHOD = "<p>The method is not allowed for the requested URL.</p>"
NO_URL = "Field url must be an absolute URL"


@pytest.mark.parametrize("call, body, status, words", [
    ("GET /rooms", None, 404, NOT_THERE),
    ("GET /room/Factor/nosuch", None, 404, NOT_THERE),
    ("GET /room/Nowhere", None, 404, "Room 'Nowhere' not found"),
    ("GET /room/Big+Room", None, 404, "Room 'Big+Room' not found"),
    ("GET /room/big room", None, 404, "Room 'big room' not found"),
    ("GET /room?max-results=1001", None, 400, "field 'max-results'"),
    ("POST /room/", {"name": "Slash"}, 405, NO_METHOD),
    ("GET /room/Factor/notification", None, 405, NO_METHOD),
    ("PUT /room/Factor", {"is_archived": True}, 400, "Required field 'name' is missing"),
    ("PUT /room/Factor/topic", {"topic": "x" * 251}, 400, "field 'topic' must have length less"),
    ("POST /room/Factor/notification", "{", 400, "could not understand"),
    ("POST /room/Factor/reply", {"message": "me"}, 400, "'parentMessageId' is missing"),
    ("POST /room/Factor/reply", {"parent_message_id": "none", "message": "me"}, 404,
     "Message 'none' not found"),
    ("POST /room/Factor/share/file", {}, 400, "Content-Type must be multipart/related"),
    ("GET /room/Factor/history/none", None, 404, "Message 'none' not found"),
    ("GET /room/Factor/history/latest?max-results=1001", None, 400, "field 'max-results'"),
    ("GET /room/Factor/history?date=yesterday", None, 400, "field 'date' is not a date"),
    ("GET /room/Factor/history?date=2018-01-01T00:00:00+00:00", None, 400, "is not a date"),
    ("GET /room/Factor/history?timezone=Europe/Nowhere", None, 400, "is not a timezone"),
    ("GET /room/Factor/history?date=2999-01-01&end-date=2018-01-01&timezone=UTC", None, 401,
     "either timezone or end-date"),
    ("POST /room/Factor/webhook", {**HOOK, "url": "example.com/hook"}, 400, NO_URL),
    ("POST /room/Factor/webhook", {**HOOK, "url": "/hook"}, 400, NO_URL),
    ("POST /room/Factor/webhook", {**HOOK, "url": "ftp://example.com"}, 400, NO_URL),
    ("POST /room/Factor/webhook", {**HOOK, "url": "http://["}, 400, NO_URL),
    ("POST /room/Factor/webhook", {**HOOK, "url": "http://user:pass@example.com"}, 400, NO_URL),
    ("POST /room/Factor/webhook", {**HOOK, "event": "room_party"}, 400, "field 'event'"),
    ("POST /room/Factor/webhook", {**HOOK, "event": None}, 400, "field 'event'"),
    ("POST /room/Factor/webhook", {**HOOK, "key": "a b"}, 400, "field 'key'"),
    ("POST /room/Factor/webhook", {**HOOK, "pattern": "("}, 400, "pattern must be a regular"),
    ("POST /room/Factor/webhook", {**HOOK, "authentication": "basic"}, 400, "'authentication'"),
    ("POST /room/Factor/webhook", {**HOOK, "authentication": "jwt"}, 400, "Only an integration"),
    ("GET /user/@Nobody", None, 404, "User '@Nobody' not found"),
    ("GET /user/@SandboxOwner/history/none", None, 404, "Message 'none' not found"),
    ("POST /user", {**PERSON, "timezone": "Europe/Nowhere"}, 400, "field 'timezone'"),
    ("POST /user", {**PERSON, "timezone": "../../etc"}, 400, "field 'timezone'"),
    ("POST /user", {**PERSON, "name": ""}, 400, "field 'name'"),
    ("POST /user", {**PERSON, "is_group_admin": 1}, 400, "field 'is_group_admin'"),
    ("GET /emoticon?type=odd", None, 400, "field 'type'"),
    ("GET /emoticon/nosuch", None, 404, "Emoticon 'nosuch' not found"),
])
def test_request(hipchat, call, body, status, words):
    hipchat.people.say("Factor", "Ann", "hello")
    before = hipchat.people.transcript("Factor")
    answer = hipchat.api(*call.split(" ", 1), headers={"Content-Type": "application/json"},
                         **{"data" if isinstance(body, str) else "json": body})
    found = answer.json()["error"]
    assert (answer.status_code, found["code"]) == (status, status)
    assert words in found["message"]
    assert hipchat.people.transcript("Factor") == before


@pytest.mark.parametrize("token, code, kind, words", [
    (None, 401, "Unauthorized", "Authenticated requests only."),
    ("v1-group-key", 401, "Unauthorized", "Invalid OAuth session"),
    ("READER", 403, "Forbidden", "This action requires one of the following scopes: "
                                 "[u'send_notification']")])
def test_token(hipchat, token, code, kind, words):
    answer = hipchat.post("/room/Factor/notification", {"message": "hi"}, token=token)
    found = answer.json()["error"]
    assert (answer.status_code, found["code"], found["type"]) == (code, code, kind)
    assert found["message"].startswith(words)


def test_credentials_of_an_integration(hipchat):
    answer = hipchat.post("/oauth/token", {"grant_type": "client_credentials"},
                          auth=("an-addon", "wrong"))
    assert answer.status_code == 401


@pytest.mark.parametrize("fields, field, validation", [
    ({}, "message", "required"),
    ({"message": ""}, "message", "minLength"),
    ({"message": "x" * 10001}, "message", "maxLength"),
    ({"message": 5}, "message", "type"),
    ({"message": "x", "color": "grey"}, "color", "enum"),
    ({"message": "x", "message_format": "markdown"}, "message_format", "enum"),
    ({"message": "x", "from": "y" * 65}, "from", "maxLength"),
    ({"message": "x", "notify": "yes"}, "notify", "type"),
    ({"message": "x", "notify": 1}, "notify", "type"),
    ({"message": "x", "card": {"style": "link"}}, "title", "required"),
    ({"message": "x", "card": {**SMALLEST_CARD, "id": 1}}, "card.id", "type"),
    ({"message": "x", "card": {**SMALLEST_CARD, "icon": 1}}, "card.icon", "anyOf"),
    (["x"], "<obj>", "type"),
])
def test_field_of_a_notification(hipchat, room, fields, field, validation):
    answer = hipchat.post(f"/room/{room}/notification", fields)
    found = answer.json()["error"]
    assert (answer.status_code, found["field"], found["validation"]) == (400, field, validation)
    assert hipchat.people.transcript(room) == []


def test_field_is_described_in_the_words_of_hipchat(hipchat):
    answer = hipchat.post("/room/Factor/notification", data={"message": "x", "notify": "true"})
    assert answer.json()["error"] == {
        "code": 400, "expected_type": "boolean", "field": "notify", "type": "Bad Request",
        "message": "Value u'true' for field 'notify' is not of type 'boolean'",
        "validation": "type", "value": "true"}


def test_method_names_those_that_are_allowed(hipchat):
    assert "POST" in hipchat.get("/room/Factor/notification").headers["Allow"]


@pytest.mark.parametrize("mime_type, named", [(None, "None"), ("text/csv", "text/csv")])
def test_content_type(hipchat, mime_type, named):
    answer = hipchat.post("/room/Factor/notification", data=b"{}",
                          headers={"Content-Type": mime_type} if mime_type else {})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400, "Invalid content type: " + named)


def test_file_without_its_part(hipchat):
    answer = hipchat.post("/room/Factor/share/file", data="{}", headers={
        "Content-Type": "multipart/related; boundary=x"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "file")


@pytest.mark.parametrize("part", [
    {"url": "build/1"}, {"title": "x" * 501}, {"description": {"value": "x"}},
    {"description": {"value": "x" * 1001, "format": "html"}},
    {"thumbnail": {"url": "x" * 251}}, {"thumbnail": {"url": "x", "url@2x": "x" * 251}},
    {"attributes": [{"label": "x" * 51, "value": {"label": "y"}}]},
    {"attributes": [{"label": "", "value": {"label": "y"}}]}])
def test_card_beyond_its_limits(hipchat, room, part):
    answer = hipchat.post(f"/room/{room}/notification",
                          {"message": "x", "card": {**SMALLEST_CARD, **part}})
    assert (answer.status_code, answer.json()["error"]["field"].split(".")[:2]) == (
        400, ["card", *part])


def test_unknown_path_of_the_control_api(hipchat):
    answer = direct().get(hipchat.url.replace("/v2", "/sandbox/nosuch"), timeout=60)
    assert answer.status_code == 404 and answer.json()["error"]["message"].startswith(NOT_THERE)
