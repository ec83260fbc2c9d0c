"""What is read from a delivery, and the payload that is made of it."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import REPOSITORY
from support.servers import EVENTS as NAMES

from hipchat.events import (
    EVENTS, HIPCHAT_EVENTS, WrongRoom, message_id, payload, read_body, room_id, room_name, text_of,
    with_identities)
from sandbox.stackstorm.pack import read
from sandbox.stackstorm.schemas import Schema

SENSOR = read(REPOSITORY / "sensors" / "webhook_sensor.yaml")
SCHEMAS = {each["name"]: Schema(each["payload_schema"]) for each in SENSOR["trigger_types"]}

ROOM = {"id": 147, "name": "The Room", "links": {"self": "https://api.hipchat.com/v2/room/147"}}
ANN = {"id": 661743, "name": "Ann", "mention_name": "ann",
       "links": {"self": "https://api.hipchat.com/v2/user/661743"}}
LATER = {"version": "ABCDEF01", "privacy": "public", "is_archived": False}
MESSAGE = {"id": "00a3eb7f-fac5-496a-8d64-a9050c712ca1", "date": "2015-01-20T22:45:06.662545+00:00",
           "from": ANN, "mentions": [], "message": "/weather", "type": "message"}
NOTIFICATION = {"id": "f8ab3d0c", "date": "2015-01-20T22:45:06.662545+00:00", "from": "CI",
                "color": "green", "message": "<b>ok</b>", "message_format": "html",
                "mentions": [], "type": "notification"}
CLIENT = {"id": "c0ffee", "name": "Bot", "allowed_scopes": ["send_message"], "room": ROOM,
          "links": {"self": "https://api.hipchat.com/v2/oauth/client/c0ffee"}}


def read(item, **envelope):
    return read_body(json.dumps(dict(envelope, item=item)).encode())


def with_a_name(item):
    """The item whose message, if any, is from an object."""
    sender = item.get("message", {}).get("from")
    if not isinstance(sender, str):
        return item
    return dict(item, message=dict(item["message"], **{"from": {"name": sender}}))


def made(name, item, matches=(), **envelope):
    """The payload for an item, which the schema of the sensor's YAML accepts."""
    found = payload(EVENTS[name], read(item, **envelope), "trigger-id", list(matches))
    assert SCHEMAS[name].clean(found) == found
    return found


class TestEvents:
    """The ten events."""

    def test_are_those_of_the_sensors_yaml(self):
        assert list(EVENTS) == NAMES
        assert sorted(EVENTS) == sorted(SCHEMAS)

    def test_have_hipchats_names_with_room_before_them(self):
        assert {name: event.name for name, event in HIPCHAT_EVENTS.items()} == {
            "room_" + name: name for name in NAMES}

    def test_carry_text_in_three_cases(self):
        assert {name: event.text for name, event in EVENTS.items() if event.text} == {
            "message": "message", "notification": "message", "topic_change": "topic"}


class TestPayload:
    """The payload of shapes that HipChat sent over the years."""

    @pytest.mark.parametrize("name, item", [
        ("message", {"message": MESSAGE, "room": ROOM}),
        ("message", {"message": dict(MESSAGE, mentions=[ANN, dict(ANN, id=2)], color="red",
                                     file={"name": "a.png", "size": 5, "url": "https://x"}),
                     "room": dict(ROOM, **LATER)}),
        ("notification", {"message": NOTIFICATION, "room": ROOM}),
        ("enter", {"sender": ANN, "room": ROOM}),
        ("exit", {"sender": ANN, "room": ROOM}),
        ("topic_change", {"sender": ANN, "topic": "Lunch", "room": ROOM}),
        ("archived", {"sender": ANN, "room": ROOM}),
        ("unarchived", {"room": ROOM}),
        ("created", {"sender": ANN, "room": ROOM}),
        ("deleted", {"room": ROOM}),
        ("file_upload", {"sender": ANN, "file": {"name": "a.txt", "size": 1}, "room": ROOM}),
    ])
    def test_passes_a_well_formed_item_on_whole(self, name, item):
        found = made(name, item, event="room_" + name, webhook_id=578829, oauth_client_id="abc")
        assert found == {
            "event": "room_" + name, "oauth_client_id": "abc", "webhook_id": 578829,
            "hook_id": 578829, "service_id": "hipchat", "listener_id": "room_" + name,
            "instance_id": "trigger-id", "matches": [], "item": with_a_name(item),
            "message": item["message"]["message"] if "message" in item else ""}

    @pytest.mark.parametrize("name, item, path, value", [
        ("message", {"message": dict(MESSAGE, **{"from": "Ann"}), "room": ROOM},
         "message from name", "Ann"),
        ("message", {"message": dict(MESSAGE, **{"from": None}), "room": ROOM},
         "message from name", ""),
        ("message", {"message": dict(MESSAGE, **{"from": {"id": 5}}), "room": ROOM},
         "message from name", ""),
        ("message", {"message": "hello", "room": ROOM}, "message from name", ""),
        ("message", {"room": ROOM}, "message from name", ""),
        ("notification", {"message": NOTIFICATION, "room": ROOM}, "message from", {"name": "CI"}),
        ("enter", {"sender": CLIENT, "room": ROOM}, "sender", CLIENT),
        ("message", {"message": "hello", "room": ROOM}, "message message", "hello"),
        ("message", {"message": dict(MESSAGE, message=None), "room": ROOM}, "message message", ""),
        ("message", {"room": ROOM}, "message message", ""),
        ("message", {"message": dict(MESSAGE, message=42), "room": ROOM}, "message message", "42"),
        ("message", {"message": MESSAGE, "room": "The Room"}, "room name", "The Room"),
        ("message", {"message": MESSAGE, "room": 147}, "room name", "147"),
        ("message", {"message": MESSAGE, "room": {"id": "147"}}, "room name", ""),
        ("message", {"message": MESSAGE}, "room name", ""),
        ("enter", {"sender": "Ann", "room": ROOM}, "sender name", "Ann"),
        ("enter", {"sender": dict(ANN, name=None), "room": ROOM}, "sender name", ""),
        ("exit", {"room": ROOM}, "sender name", ""),
        ("topic_change", {"sender": None, "topic": None, "room": ROOM}, "topic", ""),
        ("archived", {"sender": "Ann", "room": ROOM}, "sender name", "Ann"),
        ("file_upload", {}, "room name", ""),
    ])
    def test_has_a_string_where_rules_put_criteria(self, name, item, path, value):
        found = made(name, item)["item"]
        for key in path.split():
            found = found[key]
        assert found == value

    @pytest.mark.parametrize("webhook, expected", [
        (578829, 578829), ("578829", 578829), (None, 0), ("", 0), ("abc", 0), ([], 0), ({}, 0),
        (2 ** 63 - 1, 2 ** 63 - 1), (2 ** 63, 0), ("9" * 30, 0), (True, 0)])
    def test_has_an_integer_as_webhook_id(self, webhook, expected):
        found = made("message", {"message": MESSAGE, "room": ROOM}, webhook_id=webhook)
        assert found["webhook_id"] == found["hook_id"] == expected

    @pytest.mark.parametrize("client, expected", [
        ("abc", "abc"), ("", ""), (None, ""), (5, ""), (["abc"], "")])
    def test_has_a_string_as_oauth_client_id(self, client, expected):
        found = made("message", {"message": MESSAGE, "room": ROOM}, oauth_client_id=client)
        assert found["oauth_client_id"] == expected

    def test_believes_the_webhook_and_not_the_body_about_the_event(self):
        assert made("enter", {"room": ROOM}, event="room_message")["event"] == "room_enter"

    def test_has_the_matches_that_it_is_given(self):
        assert made("message", {"message": MESSAGE}, ["a", ""])["matches"] == ["a", ""]

    def test_leaves_the_body_as_it_was(self):
        body = read({"message": dict(MESSAGE, message=None), "room": None})
        before = json.dumps(body)
        payload(EVENTS["message"], body, "id", [])
        assert json.dumps(body) == before


class TestText:
    """What a filter is searched in."""

    @pytest.mark.parametrize("name, item, text", [
        ("message", {"message": MESSAGE}, "/weather"),
        ("message", {"message": "plain"}, "plain"),
        ("notification", {"message": NOTIFICATION}, "<b>ok</b>"),
        ("topic_change", {"topic": "Lunch"}, "Lunch"),
        ("topic_change", {}, ""),
        ("enter", {"message": MESSAGE, "topic": "Lunch"}, "")])
    def test_is_the_message_or_the_topic(self, name, item, text):
        assert text_of(EVENTS[name], item) == text


class TestIds:
    """What is known of a delivery."""

    @pytest.mark.parametrize("room, number, name", [
        (ROOM, 147, "The Room"), ({"id": "147"}, 147, ""), ({"name": "147"}, None, "147"),
        ({}, None, ""), (None, None, ""), ({"id": None, "name": ["x"]}, None, '["x"]')])
    def test_the_room_has_an_id_and_a_name_which_is_none(self, room, number, name):
        body = {"item": {"room": room}}
        assert (room_id(body), room_name(body)) == (number, name)

    @pytest.mark.parametrize("stated", [
        "1002 ", " 1002", "+1002", "1_002", "\uff11\uff10\uff10\uff12", "0x3ea", "1002.0", "1e3",
        "Ops", "", 1002.0, 147.0, True, False, ["1002"], [147], {"id": 147}, "9" * 5000])
    def test_a_room_in_another_spelling_is_none_that_hipchat_names(self, stated):
        with pytest.raises(WrongRoom):
            with_identities(read({"room": {"id": stated, "name": "x"}}), {"id": 147})

    @pytest.mark.parametrize("room", ["147", "The Room", 1002, True, ["x"], {"id": 1002}])
    def test_another_room_is_refused(self, room):
        with pytest.raises(WrongRoom):
            with_identities(read({"room": room}), {"id": 147})

    def test_the_room_is_that_of_the_address_and_called_as_we_know_it(self):
        known = dict(ROOM, is_archived=True)
        for stated in ({}, None, {"id": "147"}, {"id": 147, "name": "Ops", "links": {"self": "x"}}):
            found = with_identities(read({"room": stated}), known)
            assert found["item"]["room"] == ROOM
        assert with_identities(read({"room": {"name": "new", "is_archived": False}}), {"id": 147})[
            "item"]["room"] == {"id": 147, "name": "new", "is_archived": False}

    @pytest.mark.parametrize("wrong", [
        True, 1.5, ["x"], {"x": 1}, "2002 ", "+2002", "2_002", "2002.0", "nan", "1e3",
        "\uff12\uff10\uff10\uff12"])
    @pytest.mark.parametrize("item", [
        lambda person: {"sender": person}, lambda person: {"message": {"from": person}},
        lambda person: {"message": {"mentions": [person]}}])
    def test_a_person_who_could_be_read_as_another_is_refused(self, item, wrong):
        with pytest.raises(ValueError):
            with_identities(read(item({"id": wrong})), ROOM)

    @pytest.mark.parametrize("stated, given", [
        (2002, 2002), ("2002", 2002), (None, None), (CLIENT["id"], CLIENT["id"])])
    def test_a_person_and_an_integration_have_the_id_that_was_checked(self, stated, given):
        found = with_identities(read({"sender": {"id": stated}, "message": {
            "id": 5, "from": {"id": stated}}}), ROOM)["item"]
        assert found["sender"]["id"] == found["message"]["from"]["id"] == given
        assert found["message"]["id"] == "5"

    @pytest.mark.parametrize("wrong", [True, 1.5, ["x"], {"x": 1}])
    def test_a_message_whose_id_is_no_text_is_refused(self, wrong):
        with pytest.raises(ValueError):
            with_identities(read({"message": {"id": wrong}}), ROOM)

    @pytest.mark.parametrize("message, expected", [
        (MESSAGE, MESSAGE["id"]), ({"id": 5}, "5"), ({"id": None}, ""), ({}, ""), ("hi", ""),
        (None, ""), ({"id": ["x"]}, "")])
    def test_a_message_by_its_id(self, message, expected):
        assert message_id({"item": {"message": message}}) == expected


class TestReadBody:
    """What may be posted."""

    @pytest.mark.parametrize("raw, words", [
        (b"", "JSON"), (b"not json", "JSON"), (b'{"item": {}', "JSON"), (b"\xff", "JSON"),
        (b"\xef\xbb\xbf{}", "JSON"), (b'{"item": {"a": NaN}}', "JSON"),
        (b'{"item": {"a": -Infinity}}', "JSON"), ("{}".encode("utf-16"), "JSON"),
        (b"[]", "object"), (b"5", "object"), (b"null", "object"), (b'"text"', "object"),
        (b"{}", "item"), (b'{"item": null}', "item"), (b'{"item": []}', "item"),
        (b'{"item": "text"}', "item"), (b'{"Item": {}}', "item"),
        (b'{"item": ' + b'{"a":' * 100 + b"1" + b"}" * 101, "nested"),
        (b'{"item": {"a":' + b"[" * 100 + b"]" * 100 + b"}}", "nested"),
        (b"[" * 40000, "JSON"),
    ], ids=lambda value: None if isinstance(value, str) else repr(value[:24]))
    def test_raises_value_error_that_says_why_and_repeats_nothing(self, raw, words):
        with pytest.raises(ValueError) as caught:
            read_body(raw)
        assert words in str(caught.value)
        assert "text" not in str(caught.value) and "\n" not in str(caught.value)

    @pytest.mark.parametrize("text, stored", [
        (r'"\ud83d"', "?"), (r'"a\udc00b"', "a?b"), (r'"\ud83c\udf89"', "\U0001f389"),
        ('"\\u0000"', "\0"), (str(2 ** 63 - 1), 2 ** 63 - 1), (str(2 ** 63), str(2 ** 63)),
        (str(-2 ** 63 - 1), str(-2 ** 63 - 1)), ("9" * 5000, "9" * 5000), ("1e999", "1e999"),
        ('{"a\\u0000b": 1}', {"a\ufffdb": 1}), (r'{"\udc00": 1}', {"?": 1}),
        (r'[["\udc00"]]', [["?"]]), ("1.5", 1.5), ("true", True), ("null", None)])
    def test_replaces_what_no_database_can_store(self, text, stored):
        body = read_body(f'{{"item": {{"value": {text}}}}}'.encode())
        assert body["item"]["value"] == stored

    def test_keeps_everything_else(self):
        body = {"item": {"message": MESSAGE, "room": ROOM}, "event": "room_message", "new": [1.5]}
        assert read_body(json.dumps(body, indent=1, ensure_ascii=False).encode()) == body


def storable(value):
    """Whether BSON can hold a value."""
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return True
    if isinstance(value, int):
        return -2 ** 63 <= value < 2 ** 63
    if isinstance(value, str):
        return not any(0xD800 <= ord(character) < 0xE000 for character in value)
    if isinstance(value, list):
        return all(storable(item) for item in value)
    return all(isinstance(key, str) and "\0" not in key and storable(key) and storable(item)
               for key, item in value.items())


TEXT = st.text(st.characters(blacklist_categories=()), max_size=8)  # with surrogates and NUL
KEYS = st.sampled_from(["message", "room", "sender", "topic", "name", "id", "from", "item"]) | TEXT
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) |
                    st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)
ITEMS = st.fixed_dictionaries({}, optional={
    key: JSON for key in ("message", "room", "sender", "topic", "file")})
ENVELOPES = st.fixed_dictionaries({"item": ITEMS}, optional={
    key: JSON for key in ("event", "webhook_id", "oauth_client_id")})


class TestAnything:
    """Whatever is posted."""

    @given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
    def test_is_read_or_refused_with_value_error(self, raw):
        try:
            assert isinstance(read_body(raw)["item"], dict)
        except ValueError:
            pass

    @given(st.sampled_from(sorted(EVENTS.values())), ENVELOPES, st.booleans())
    def test_becomes_a_payload_that_stackstorm_takes_and_its_database_stores(
            self, event, envelope, guard):
        body = read_body(json.dumps(envelope).encode())
        try:
            body = with_identities(body, ROOM)
        except ValueError:
            pass
        found = payload(event, body, "id", [text_of(event, body["item"])], guard)
        assert SCHEMAS[event.name].clean(found) == found
        assert storable(found)
        assert json.loads(json.dumps(found)) == found
        assert isinstance(room_name(body), str)
        assert isinstance(message_id(body), str)
