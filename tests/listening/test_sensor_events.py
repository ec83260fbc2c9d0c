"""What happens in a HipChat room, and the payloads with which it reaches the rules."""
import json
import uuid
from collections import namedtuple

import pytest
from support.servers import EVENTS, direct
from support.waiting import wait_until
from support.web_server import HttpServer

KEYS = ["event", "oauth_client_id", "webhook_id", "hook_id", "service_id", "listener_id",
        "instance_id", "message", "matches", "item"]
TEXT = "hello, wörld ☃ \U0001f389 <b>&amp;</b> \"quoted\" \\ back\nsecond line"

Received = namedtuple("Received", "payload trigger webhook posted")

each_event = pytest.mark.parametrize("event", EVENTS)


def happen(hipchat, room, event, text=TEXT):
    """Let Ann do what makes HipChat report this event."""
    if event == "message":
        hipchat.people.say(room, "Ann", text)
    else:
        more = {"notification": {"message": text, "message_format": "text"},
                "topic_change": {"topic": text}}.get(event, {})
        hipchat.people.act(room, "Ann", event, **more)


@pytest.fixture(scope="module")
def ten(hipchat, stackstorm):
    """All ten events of one room: what was received, by event."""
    room, stranger = hipchat.make_room(), HttpServer()
    triggers = {event: stackstorm.listen(event, room) for event in EVENTS}
    webhooks = {hook["event"]: hook for hook in stackstorm.webhooks(room)}
    for event in EVENTS:
        hipchat.api("POST", f"/room/{room}/webhook", json={
            "url": f"{stranger.url}/{event}", "event": "room_" + event})
    ids = {trigger["ref"]: trigger["id"] for trigger in stackstorm.api(
        "GET", "/v1/triggers", params={"limit": -1})}
    for event in sorted(EVENTS, key=lambda event: event == "deleted"):
        happen(hipchat, room, event)
    received = {}
    for event, trigger in triggers.items():
        payload, = stackstorm.received(trigger)
        posted = wait_until(lambda: [
            request.body for request in stranger.requests if request.path == "/" + event])[-1]
        received[event] = Received(payload, {"ref": trigger, "id": ids[trigger]},
                             webhooks["room_" + event], posted)
    stranger.stop()
    return received


class TestPayload:
    """The payload of each of the ten events."""

    @each_event
    def test_has_the_ten_keys_with_what_hipchat_and_stackstorm_know(self, hipchat, ten, event):
        payload, webhook = dict(ten[event].payload), ten[event].webhook
        del payload["item"]
        client = hipchat.api("GET", "/oauth/token/" + hipchat.token).json()["client"]
        assert payload == {
            "event": "room_" + event, "listener_id": "room_" + event, "service_id": "hipchat",
            "webhook_id": webhook["id"], "hook_id": webhook["id"],
            "oauth_client_id": client["id"], "instance_id": ten[event].trigger["id"],
            "message": TEXT if event in ("message", "notification") else "", "matches": []}

    @each_event
    def test_item_is_hipchats_passed_on_whole(self, ten, event):
        item = json.loads(ten[event].posted.decode())["item"]
        if event == "notification":
            item["message"]["from"] = {"name": item["message"]["from"]}
        assert ten[event].payload["item"] == item

    @each_event
    def test_criteria_find_the_room_and_who_did_it(self, ten, event):
        item = ten[event].payload["item"]
        assert item["room"]["name"].startswith("Room ")
        author = item["message"]["from"] if "message" in item else item["sender"]
        assert author["name"] == "Ann"
        assert item.get("topic") == (TEXT if event == "topic_change" else None)


def of_message(**message):
    return {"event": "room_message", "webhook_id": 7, "item": {
        "message": dict({"id": str(uuid.uuid4()), "message": "hi", "type": "message"}, **message),
        "room": {"name": "Old", "links": {}}}}


def of_topic(sender):
    return {"event": "room_topic_change", "webhook_id": 7, "item": {
        "sender": sender, "topic": "Lunch", "room": {"name": "Old"}}}


class TestWhatHipchatSentOverTheYears:
    """Older and odder deliveries, posted to a webhook's URL as HipChat would."""

    @pytest.mark.parametrize("event, key, expected, body", [
        ("message", "trigger.item.message.message", "hi", of_message()),
        ("message", "trigger.item.message.from.name", "Ann", of_message(
            **{"from": {"id": "661743", "name": "Ann", "mention_name": "ann"}})),
        ("message", "trigger.item.message.from.name", "Ann", of_message(**{"from": "Ann"})),
        ("message", "trigger.item.message.from.name", "", of_message(**{"from": None})),
        ("message", "trigger.oauth_client_id", "", of_message()),
        ("message", "trigger.oauth_client_id", "", dict(of_message(), oauth_client_id=None)),
        ("message", "trigger.oauth_client_id", "abc", dict(of_message(), oauth_client_id="abc")),
        ("topic_change", "trigger.item.sender.name", "Ann", of_topic({"id": 1, "name": "Ann"})),
        ("topic_change", "trigger.item.sender.name", "Ann", of_topic("Ann")),
        ("topic_change", "trigger.item.sender.name", "Bot", of_topic(
            {"id": "c0ffee", "name": "Bot", "allowed_scopes": [], "room": None, "links": {}})),
        ("topic_change", "trigger.item.sender.name", "", of_topic(None)),
        ("enter", "trigger.item.sender.name", "", {"event": "room_enter", "item": {}}),
    ])
    def test_a_criterion_on_it_matches(self, hipchat, stackstorm, event, key, expected, body):
        room = hipchat.make_room()
        trigger = stackstorm.listen(event, room)
        rule = stackstorm.add_rule(event, {"room": room}, criteria={
            key: {"type": "regex", "pattern": "^" + expected + "$"}})
        webhook, = stackstorm.webhooks(room)
        answer = direct().post(webhook["url"], json=body, timeout=60)
        assert (answer.status_code, answer.content) == (204, b"")
        payload, = stackstorm.received(trigger)
        assert sorted(payload) == sorted(KEYS)
        outcome = wait_until(lambda: [
            each for each in stackstorm.api("GET", "/v1/ruleenforcements", params={"limit": -1})
            if each["rule"]["ref"] == rule])
        assert outcome[0]["status"] == "succeeded", outcome


class TestFilter:
    """The trigger parameter `filter`, searched in the text."""

    @pytest.mark.parametrize("event, pattern, others, text, matches", [
        ("message", "ping (.*)", ["I say pong"], "ping hello", ["hello"]),
        ("message", "(stop)|(go)", ["wait"], "go", ["", "go"]),
        ("message", "(?i)привет (.+)", ["мир"], "ПРИВЕТ мир ☃", ["мир ☃"]),
        ("message", "", [], "anything", []),
        ("message", "^ping", ["I say ping"], "ping", []),
        ("notification", "disk (full)", ["disk empty"], "the disk full at last", ["full"]),
        ("topic_change", "lunch", ["dinner"], "at lunch", [])])
    def test_lets_through_where_it_is_found_with_the_groups_as_matches(
            self, hipchat, stackstorm, event, pattern, others, text, matches):
        room = hipchat.make_room()
        trigger = stackstorm.listen(event, room, filter=pattern)
        for each in others + [text]:  # a room keeps its order, so this comes last
            happen(hipchat, room, event, each)
        payload, = stackstorm.received(trigger)
        assert payload["matches"] == matches
        assert text in (payload["message"], payload["item"].get("topic"))

    def test_two_filters_in_one_room_each_select_their_own(self, hipchat, stackstorm):
        room = hipchat.make_room()
        deploy = stackstorm.listen("message", room, filter="^deploy (.+)")
        status = stackstorm.listen("message", room, filter="^status (.+)")
        everything = stackstorm.listen("message", room)
        hipchat.people.say(room, "Ann", "deploy web")
        hipchat.people.say(room, "Ann", "status db")
        hipchat.people.say(room, "Ann", "lunch?")
        received = stackstorm.texts(everything, 3)
        assert received == ["deploy web", "status db", "lunch?"]
        assert [payload["matches"] for payload in stackstorm.payloads(deploy)] == [["web"]]
        assert [payload["matches"] for payload in stackstorm.payloads(status)] == [["db"]]


class TestWrongParameters:
    """Trigger parameters that StackStorm lets through, but that make no sense."""

    @pytest.mark.parametrize("event, parameters, named", [
        ("message", {"filter": "ping ("}, ["filter", "ping (", "compile"]),
        ("archived", {"room": "Factor", "filter": "."}, ["filter", "no text", "criteria"])])
    def test_are_logged_once_with_trigger_and_remedy_and_affect_no_other(
            self, hipchat, stackstorm, event, parameters, named):
        wrong = stackstorm.trigger_of(stackstorm.add_rule(event, parameters))
        stackstorm.add_rule(event, parameters)  # the sensor gets the same trigger again
        room = hipchat.make_room()
        good = stackstorm.listen("message", room)
        hipchat.people.say(room, "Ann", "still here?")
        assert stackstorm.received(good)
        lines = wait_until(lambda: stackstorm.log_lines(wrong))
        assert len(lines) == 1, lines
        assert " ERROR " in lines[0]
        for words in named + ["hipchat." + event, "rule"]:
            assert words in lines[0]
        assert stackstorm.payloads(wrong) == []


class TestRooms:
    """Which rooms a rule hears."""

    @pytest.mark.parametrize("name", [
        "Ops & Dev #1?", "50% + more", "Grüße aus Köln", "\u2603 \U0001f389", "a;b=c", "\"'<>",
        "24", "message", "..", "C:\\temp", "Ops/Dev"])
    def test_a_room_can_have_any_name(self, hipchat, stackstorm, name):
        name += " " + uuid.uuid4().hex[:6]
        room_id = str(hipchat.api("POST", "/room", json={"name": name}).json()["id"])
        trigger = stackstorm.listen("message", room_id, name=name)
        hipchat.people.say(room_id, "Ann", "hello")
        payload, = stackstorm.received(trigger)
        assert payload["item"]["room"]["name"] == name

    def test_without_parameters_a_rule_gets_the_configs_events_in_the_configs_rooms(
            self, hipchat, start_ready):
        first, second, other = (hipchat.make_room() for _ in range(3))
        stackstorm = start_ready(hipchat, rooms=[first, str(hipchat.room_id(second))],
                                 events=["message"])
        entering = stackstorm.listen("enter", other)
        assert [hook["event"] for hook in stackstorm.webhooks(first)] == ["room_message"]
        assert [hook["event"] for hook in stackstorm.webhooks(second)] == ["room_message"]
        assert [hook["event"] for hook in stackstorm.webhooks(other)] == ["room_enter"]
        for room in (first, second, other):
            hipchat.people.say(room, "Ann", room)
            hipchat.people.act(room, "Ann", "enter")
        assert len(stackstorm.received(entering)) == 1
        received = stackstorm.received("hipchat.message", 2)
        assert sorted(payload["message"] for payload in received) == sorted([first, second])
        assert stackstorm.payloads("hipchat.enter") == []


class TestRules:
    """Rules that share a trigger, are changed and are deleted."""

    def send(self, room, message):
        return {"ref": "hipchat.send", "parameters": {"room": room, "message": message}}

    def notifications(self, hipchat, room):
        return [line["what"] for line in hipchat.people.transcript(room)
                if line["type"] == "notification"]

    def test_two_rules_with_equal_parameters_share_one_event_and_end_independently(
            self, hipchat, stackstorm):
        room = hipchat.make_room()
        trigger = stackstorm.listen("message", room)
        gone, stays = (stackstorm.add_rule("message", {"room": room},
                                           action=self.send(room, answer))
                       for answer in ("gone", "stays"))
        assert stackstorm.trigger_of(gone) == stackstorm.trigger_of(stays) == trigger
        hipchat.people.say(room, "Ann", "hello")
        wait_until(lambda: sorted(self.notifications(hipchat, room)) == ["gone", "stays"])
        assert len(stackstorm.payloads(trigger)) == 1
        stackstorm.remove_rule(gone)
        hipchat.people.say(room, "Ann", "hello again")
        wait_until(lambda: len(self.notifications(hipchat, room)) == 3)
        assert self.notifications(hipchat, room)[2:] == ["stays"]
        assert len(stackstorm.payloads(trigger)) == 2

    def test_a_changed_rule_uses_its_new_parameters(self, hipchat, stackstorm):
        room, other = hipchat.make_room(), hipchat.make_room()
        rule = stackstorm.add_rule("message", {"room": room, "filter": "old"})
        wait_until(lambda: stackstorm.webhooks(room))
        before = stackstorm.trigger_of(rule)
        definition = stackstorm.api("GET", "/v1/rules/" + rule)
        definition["trigger"] = {"type": "hipchat.message",
                                 "parameters": {"room": other, "filter": "new"}}
        stackstorm.api("PUT", "/v1/rules/" + rule, json=definition)
        wait_until(lambda: stackstorm.webhooks(other) and not stackstorm.webhooks(room))
        for text in ("old", "new"):
            hipchat.people.say(room, "Ann", text)
            hipchat.people.say(other, "Ann", text)
        payload, = stackstorm.received(stackstorm.trigger_of(rule))
        assert (payload["message"], payload["item"]["room"]["name"]) == ("new", other)
        assert stackstorm.payloads(before) == []
