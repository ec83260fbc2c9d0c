"""Renamed, replaced and deleted rooms: which rule gets which message, and which webhook stays."""
import math
import time
import uuid

import pytest
from support.servers import direct
from support.waiting import wait_until
from support.wire import delivery


EVENTS = ["message", "notification", "enter", "exit", "topic_change"]


@pytest.fixture
def names():
    """Two names that no room has."""
    return [f"{word} {uuid.uuid4().hex[:6]}" for word in ("Factor", "Lunch")]


def make(hipchat, name):
    assert hipchat.api("POST", "/room", json={"name": name}).status_code == 201
    return hipchat.room_id(name)


class TestRenamed:
    def test_a_rule_follows_its_room_name_to_another_room_and_leaves_no_webhook_behind(
            self, hipchat, stackstorm, names):
        name = names[0]
        old = make(hipchat, name)
        rules = [stackstorm.add_rule(event, {"room": name}) for event in EVENTS]
        wait_until(lambda: len(stackstorm.webhooks(old)) == 5)
        trigger = stackstorm.trigger_of(rules[0])
        hipchat.rename(old, name + "-old")
        new = make(hipchat, name)
        hipchat.people.say(str(old), "Ann", "a rumour of the name")
        wait_until(lambda: len(stackstorm.webhooks(new)) == 5)
        wait_until(lambda: stackstorm.webhooks(old) == [])
        hipchat.people.say(str(old), "Ann", "not for the rule")
        hipchat.people.say(str(new), "Ann", "for the rule")
        wait_until(lambda: "for the rule" in stackstorm.texts(trigger))
        assert "not for the rule" not in stackstorm.texts(trigger)
        for rule in rules:
            stackstorm.remove_rule(rule)
        wait_until(lambda: stackstorm.webhooks(new) == [])

    def test_a_rule_for_an_id_keeps_its_room_when_it_is_renamed(
            self, hipchat, stackstorm, names):
        number = make(hipchat, names[0])
        trigger = stackstorm.listen("message", number)
        hipchat.rename(number, names[1])
        for text in ("after", "again"):
            hipchat.people.say(str(number), "Ann", text)
        assert stackstorm.texts(trigger, 2) == ["after", "again"]

    def test_and_its_rule_deleted_it_costs_no_call_a_message_and_delays_no_new_rule(
            self, hipchat, stackstorm, names):
        number = make(hipchat, names[0])
        rule = stackstorm.add_rule("message", {"room": names[0]})
        url = wait_until(lambda: stackstorm.webhooks(number))[0]["url"]
        hipchat.rename(number, names[1])
        stackstorm.remove_rule(rule)
        wait_until(lambda: stackstorm.webhooks(number) == [])
        hipchat.people.forget()
        with direct() as http:
            for _ in range(30):
                body = delivery(id=number, name=names[1])
                assert http.post(url, json=body, timeout=60).status_code == 204
        stackstorm.listen("message", hipchat.make_room())
        path = f"/v2/room/{number}/"
        assert len([call for call in hipchat.people.requests()
                    if call["path"].startswith(path)]) <= 1  # a look at what may be left over

    def test_rumours_that_are_not_true_cost_ever_fewer_calls(self, hipchat, stackstorm, http):
        room = hipchat.make_room()
        trigger = stackstorm.listen("message", room)
        url, number = stackstorm.webhooks(room)[0]["url"], hipchat.room_id(room)
        hipchat.people.forget()
        began = time.monotonic()
        for place in range(30):
            body = delivery(id=number, name=f"Lie {place}")
            assert http.post(url, json=body, timeout=60).status_code == 204
        stackstorm.received(trigger, 30)
        lists = [call for call in hipchat.people.requests() if call["path"] == "/v2/room"]
        # Two reads immediately, then after 1, 2, 4, ... seconds; one may have another reason.
        assert len(lists) <= 3 + math.log2(1 + time.monotonic() - began)


class TestOfAnotherRoom:
    """Bodies that tell of another room than the address that they are posted to."""

    @pytest.fixture
    def ops(self, hipchat, stackstorm):
        """A room with a rule by its name and one by its id."""
        room = hipchat.make_room()
        number = hipchat.room_id(room)
        triggers = [stackstorm.listen("message", number, name=each) for each in (room, number)]
        return room, number, triggers

    @pytest.fixture
    def lunch(self, hipchat, stackstorm):
        """The id of a room, and the URL that its admins know."""
        room = hipchat.make_room()
        stackstorm.listen("message", room)
        return hipchat.room_id(room), stackstorm.webhooks(room)[0]["url"]

    def test_are_refused_logged_once_and_counted(self, stackstorm, http, ops, lunch):
        before = stackstorm.health()["refused"].get("wrong room", 0)
        spellings = (ops[1], str(ops[1]), f"{ops[1]} ", f"+{ops[1]}", float(ops[1]), True,
                     [ops[1]], ops[0])
        for number in spellings:
            answer = http.post(lunch[1], json=delivery(id=number, name=ops[0]), timeout=60)
            assert answer.status_code == 400 and answer.text.startswith("the body ")
        assert stackstorm.health()["refused"]["wrong room"] == before + len(spellings)
        lines = stackstorm.log_lines(" WARN ", f"room_message in room {lunch[0]}.")
        assert len(lines) == 1

    def test_count_for_the_room_of_the_address_whatever_name_they_contain(
            self, stackstorm, http, ops, lunch):
        for room in ({"name": ops[0]}, {"name": str(ops[1])}, {"id": lunch[0], "name": ops[0]}):
            body = delivery("by name", **room)
            assert http.post(lunch[1], json=body, timeout=60).status_code == 204
        url = next(hook["url"] for hook in stackstorm.webhooks(ops[1]))
        assert http.post(url, json=delivery("true", id=ops[1]), timeout=60).status_code == 204
        for trigger in ops[2]:
            assert stackstorm.texts(trigger, 1) == ["true"]


class TestOnce:
    """A message is known again by its event, its room and its id."""

    def test_is_a_message_through_two_webhooks(self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor")
        stackstorm = start_stackstorm(hipchat)
        trigger = stackstorm.listen("message", "Factor")
        hook = stackstorm.webhooks("Factor")[0]
        hipchat.api("POST", f"/room/{hipchat.room_id('Factor')}/webhook",
                    json={"url": hook["url"], "event": "room_message"})
        for text in ("first", "second"):
            hipchat.people.say("Factor", "Ann", text)
        wait_until(lambda: "second" in stackstorm.texts(trigger))
        wait_until(lambda: hipchat.people.waiting() == 0)
        assert stackstorm.texts(trigger) == ["first", "second"]

    def test_is_not_a_notification_with_the_id_of_a_message(self, hipchat, stackstorm, http):
        room = hipchat.make_room()
        said = stackstorm.listen("message", room)
        notified = stackstorm.listen("notification", room)
        urls = {hook["event"]: hook["url"] for hook in stackstorm.webhooks(room)}
        body = delivery("the same id", name=room)
        for event in ("room_message", "room_notification"):
            assert http.post(urls[event], json=dict(body, event=event),
                             timeout=60).status_code == 204
        assert stackstorm.received(said) and stackstorm.received(notified)


class TestGone:
    """Deleted, archived and hidden rooms are reported."""

    def deaf(self, stackstorm):
        report = stackstorm.health()
        return (report["unheard_rooms"], report["webhooks"]["wanted"] -
                report["webhooks"]["present"])

    @pytest.mark.parametrize("change", ["deleted", "archived"])
    def test_in_health_and_the_log(self, start_hipchat, start_stackstorm, change):
        hipchat = start_hipchat("--room", "Factor", "--room", "Ops")
        stackstorm = start_stackstorm(hipchat, rooms=["Ops"], events=["message", change])
        rule = stackstorm.add_rule("message", {"room": "Ops"})
        wait_until(stackstorm.has_its_webhooks)
        assert self.deaf(stackstorm) == (0, 0)
        hipchat.people.act("Ops", "Ann", change)
        wait_until(lambda: self.deaf(stackstorm) == (1, 2))
        line, = wait_until(lambda: stackstorm.log_lines(" WARN ", "Room Ops"))
        assert rule in line and ("archived" in line) == (change == "archived")

    def test_while_a_rule_names_it_by_id(self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor", "--room", "Ops")
        stackstorm = start_stackstorm(hipchat)
        stackstorm.listen("message", "Ops", name=1002)
        wait_until(stackstorm.has_its_webhooks)
        hipchat.people.faults({"paths": "/room/1002", "status": 404})  # hidden from the token
        stackstorm.add_rule("enter", {"room": 1002})
        wait_until(lambda: self.deaf(stackstorm) == (1, 2))


class TestNamesAreAway:
    """HipChat does not list the names of rooms."""

    @pytest.mark.parametrize("fault, reason", [
        ({"paths": "/v2/room$", "status": 503},
         "HipChat: its list of rooms was not read yet"),
        ({"paths": "/v2/room(/Factor)?$", "status": 403}, "rooms: HipChat lists no room"),
        ({"paths": "/v2/room$", "body": '{"items": []}'}, "rooms: HipChat lists no room")],
        ids=["it is away", "it refuses to", "its list is empty"])
    def test_deliveries_wait_and_none_is_lost(self, start_hipchat, start_stackstorm, journal,
                                              fault, reason):
        hipchat = start_hipchat("--room", "Factor")
        stackstorm = start_stackstorm(hipchat, options=journal.options, rooms=["Factor"],
                                      events=["message"], catch_up=0)
        stackstorm.add_rule("message")
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()
        hipchat.people.faults(fault)
        stackstorm.start()
        wait_until(lambda: {"HipChat: webhooks cannot be managed",
                            "rooms: a room's events cannot be received"}.intersection(
                                stackstorm.health().get("reasons", ())))
        said = hipchat.people.say("Factor", "Ann", "waits")
        wait_until(lambda: reason in stackstorm.health().get("reasons", ()))
        assert stackstorm.health()["waiting"] == 1 and journal.dispatched() == []
        hipchat.people.heal()
        wait_until(lambda: journal.dispatched() == [said])
        wait_until(lambda: stackstorm.health()["status"] == "ok")
