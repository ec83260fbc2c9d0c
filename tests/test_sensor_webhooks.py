"""The webhooks that the sensor makes, finds again and removes in HipChat."""
import uuid

import pytest
from conftest import EVENTS, wait_until

CHANGING = ("POST", "PUT", "DELETE")


def events(hooks):
    return sorted(hook["event"] for hook in hooks)


def make_webhook(hipchat, room, url, event="room_message"):
    """A webhook made by hand; returns its id."""
    answer = hipchat.api("POST", "/room/{}/webhook".format(room), json={
        "url": url, "event": event, "name": "by hand"})
    assert answer.status_code == 201
    return answer.json()["id"]


def calls(hipchat, path, methods=CHANGING):
    """The API calls to paths that end so."""
    return [call for call in hipchat.people.requests()
            if call["path"].endswith(path) and call["method"] in methods]


def looks(hipchat, room_id):
    """How many times the webhooks of a room were listed, by name or id."""
    return len(calls(hipchat, "/webhook", ("GET",)))


def settled(hipchat, stackstorm, rooms):
    """Wait until the sensor has its webhooks and has listed those of so many rooms."""
    wait_until(stackstorm.has_its_webhooks)
    listed = {call["path"] for call in calls(hipchat, "/webhook", ("GET",))}
    assert len(listed) >= rooms


@pytest.fixture
def own_hipchat(start_hipchat):
    """A HipChat whose calls are all this test's; the sample rules' room is in it."""
    return start_hipchat("--room", "Factor", "--room", "Ops")


class TestMade:
    """One webhook for each room and event that is needed."""

    def test_for_each_event_that_the_config_names_in_each_of_its_rooms(
            self, hipchat, start_stackstorm):
        rooms = [hipchat.make_room(), hipchat.make_room()]
        stackstorm = start_stackstorm(hipchat, rooms=rooms, events=EVENTS)
        wait_until(stackstorm.has_its_webhooks)
        for room in rooms:
            assert events(stackstorm.webhooks(room)) == sorted("room_" + each for each in EVENTS)

    def test_with_a_url_below_the_public_url_and_a_name_that_people_understand(
            self, hipchat, stackstorm):
        for hook in stackstorm.webhooks(stackstorm.room):
            event, room, signature = hook["url"][len(stackstorm.listener) + 1:].split("/")
            assert (event, room) == (hook["event"], stackstorm.room.replace(" ", "%20"))
            assert len(signature) == 43
            assert hook["name"] == "StackStorm"
            assert not hook["pattern"]

    def test_one_only_however_many_rules_need_it(self, hipchat, stackstorm):
        room = hipchat.make_room()
        for pattern in ("a", "b", "c"):
            stackstorm.listen("message", room, filter=pattern)
        stackstorm.listen("message", room)
        stackstorm.listen("enter", room)
        assert events(stackstorm.webhooks(room)) == ["room_enter", "room_message"]

    def test_one_only_for_a_room_by_name_and_by_id_and_each_rule_hears_an_event_once(
            self, hipchat, stackstorm):
        room = hipchat.make_room()
        number = hipchat.api("GET", "/room/" + room).json()["id"]
        by_name = stackstorm.listen("message", room)
        by_id = stackstorm.listen("message", room, name=number)
        wanted = stackstorm.health()["webhooks"]["wanted"]
        wait_until(lambda: stackstorm.health()["webhooks"]["present"] == wanted)
        assert events(stackstorm.webhooks(room)) == ["room_message"]
        for text in ("first", "second"):
            hipchat.people.say(room, "Ann", text)
        for trigger in (by_name, by_id):
            heard = stackstorm.heard(trigger, 2)
            assert [payload["message"] for payload in heard] == ["first", "second"]

    def test_and_kept_while_one_of_a_rooms_two_names_is_needed(self, hipchat, stackstorm):
        room = hipchat.make_room()
        number = hipchat.api("GET", "/room/" + room).json()["id"]
        by_name = stackstorm.add_rule("message", {"room": room})
        wait_until(lambda: stackstorm.webhooks(room))
        by_id = stackstorm.listen("message", room, name=number)
        stackstorm.remove_rule(by_name)
        marker = hipchat.make_room()
        stackstorm.listen("message", marker)
        wait_until(lambda: self.is_heard(hipchat, stackstorm, room, by_id))
        assert events(stackstorm.webhooks(room)) == ["room_message"]

    def is_heard(self, hipchat, stackstorm, room, trigger):
        text = uuid.uuid4().hex
        hipchat.people.say(room, "Ann", text)
        wait_until(lambda: not hipchat.people.waiting())
        return text in [payload["message"] for payload in stackstorm.payloads(trigger)]


class TestRemoved:
    """No webhook stays that no rule needs."""

    def test_with_the_last_rule_that_needs_it(self, hipchat, stackstorm):
        room = hipchat.make_room()
        first, second = (stackstorm.add_rule("message", {"room": room, "filter": each})
                         for each in ("a", "b"))
        other = stackstorm.add_rule("enter", {"room": room})
        wait_until(lambda: events(stackstorm.webhooks(room)) == ["room_enter", "room_message"])
        kept = stackstorm.webhooks(room)
        stackstorm.remove_rule(first)
        stackstorm.remove_rule(other)
        wait_until(lambda: events(stackstorm.webhooks(room)) == ["room_message"])
        assert stackstorm.webhooks(room)[0] in kept
        stackstorm.remove_rule(second)
        wait_until(lambda: stackstorm.webhooks(room) == [])

    def test_and_not_when_a_rule_is_only_disabled(self, hipchat, stackstorm):
        # StackStorm does not tell a sensor of that, and the rule drops the events itself.
        room = hipchat.make_room()
        rule = stackstorm.add_rule("message", {"room": room})
        wait_until(lambda: stackstorm.webhooks(room))
        definition = stackstorm.api("GET", "/v1/rules/" + rule)
        stackstorm.api("PUT", "/v1/rules/" + rule, json=dict(definition, enabled=False))
        hipchat.people.say(room, "Ann", "hello")
        assert stackstorm.heard(stackstorm.trigger_of(rule))
        assert events(stackstorm.webhooks(room)) == ["room_message"]

    def test_though_its_room_is_gone(self, hipchat, stackstorm):
        room = hipchat.make_room()
        rule = stackstorm.add_rule("message", {"room": room})
        wait_until(lambda: stackstorm.webhooks(room))
        wanted = stackstorm.health()["webhooks"]["wanted"]
        hipchat.people.act(room, "Ann", "deleted")
        stackstorm.remove_rule(rule)
        wait_until(lambda: stackstorm.health()["webhooks"]["wanted"] == wanted - 1)
        assert room not in [line for line in stackstorm.log().splitlines() if "WARN" in line]

    def test_that_was_left_over_when_a_rule_was_deleted_unheard(
            self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Factor"])
        stackstorm.listen("message", "Ops")
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()  # and with it the sandbox forgets the rule
        assert events(stackstorm.webhooks("Ops")) == ["room_message"]
        stackstorm.start()
        wait_until(stackstorm.has_its_webhooks)
        own_hipchat.people.say("Ops", "Ann", "does anybody hear?")
        wait_until(lambda: stackstorm.webhooks("Ops") == [])
        assert stackstorm.health()["dropped"]["unwanted"] == 1


class TestFoundAgain:
    """After a restart, what is there is used."""

    def test_without_a_call_that_changes_anything(self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Factor", "Ops"])
        wait_until(stackstorm.has_its_webhooks)
        before = [stackstorm.webhooks(room) for room in ("Factor", "Ops")]
        stackstorm.stop()
        own_hipchat.people.forget()
        stackstorm.start()
        wait_until(stackstorm.has_its_webhooks)
        own_hipchat.people.say("Ops", "Ann", "welcome back")
        assert stackstorm.heard("hipchat.message")
        assert [call for call in own_hipchat.people.requests() if call["method"] in CHANGING] == []
        assert len(calls(own_hipchat, "/webhook", ("GET",))) <= 4  # two of them are this test's
        assert [stackstorm.webhooks(room) for room in ("Factor", "Ops")] == before

    def test_beyond_the_first_page(self, own_hipchat, start_stackstorm):
        for number in range(1005):
            make_webhook(own_hipchat, "Ops", "https://example.com/{}".format(number))
        stackstorm = start_stackstorm(own_hipchat, rooms=["Ops"], events=["message"])
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()
        own_hipchat.people.forget()
        stackstorm.start()
        wait_until(stackstorm.has_its_webhooks)
        assert calls(own_hipchat, "/room/Ops/webhook") == []
        assert len(calls(own_hipchat, "/room/Ops/webhook", ("GET",))) >= 2

    def test_and_made_anew_if_somebody_deleted_them(self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Ops"], events=["message"])
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()
        hook, = stackstorm.webhooks("Ops")
        own_hipchat.api("DELETE", "/room/Ops/webhook/{}".format(hook["id"]))
        stackstorm.start()
        wait_until(lambda: stackstorm.webhooks("Ops"))
        own_hipchat.people.say("Ops", "Ann", "hello")
        assert stackstorm.heard("hipchat.message")

    @pytest.mark.parametrize("by_id", [False, True], ids=["by name", "by id"])
    def test_and_doubled_ones_are_reduced_to_one(self, own_hipchat, start_stackstorm, by_id):
        room = str(own_hipchat.api("GET", "/room/Ops").json()["id"]) if by_id else "Ops"
        stackstorm = start_stackstorm(own_hipchat, rooms=[room], events=["message"])
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()
        first, = stackstorm.webhooks("Ops")
        for _ in range(3):
            make_webhook(own_hipchat, "Ops", first["url"])
        stackstorm.start()
        wait_until(lambda: len(stackstorm.webhooks("Ops")) == 1)
        assert stackstorm.webhooks("Ops") == [first]
        own_hipchat.people.say("Ops", "Ann", "once")
        own_hipchat.people.say("Ops", "Ann", "marker")
        heard = [payload["message"] for payload in stackstorm.heard("hipchat.message", 2)]
        assert heard == ["once", "marker"]

    def test_and_replaced_if_their_signature_is_an_old_secrets(
            self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Ops"], events=["message", "enter"])
        wait_until(stackstorm.has_its_webhooks)
        old = {hook["id"] for hook in stackstorm.webhooks("Ops")}
        stackstorm.stop()
        stackstorm.config["webhook"]["secret"] = "a new secret"
        stackstorm.start()
        wait_until(lambda: not old & {hook["id"] for hook in stackstorm.webhooks("Ops")})
        assert events(stackstorm.webhooks("Ops")) == ["room_enter", "room_message"]
        own_hipchat.people.say("Ops", "Ann", "hello")
        assert stackstorm.heard("hipchat.message")

    def test_and_removed_if_the_config_no_longer_names_their_event(
            self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Ops"], events=["message", "enter"])
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()
        stackstorm.config["events"] = ["message"]
        stackstorm.start()
        wait_until(lambda: events(stackstorm.webhooks("Ops")) == ["room_message"])


class TestStrangers:
    """Webhooks that are not ours."""

    def test_survive_whatever_the_sensor_does(self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat)
        listener = stackstorm.listener
        strangers = sorted(make_webhook(own_hipchat, "Ops", url, event) for url, event in [
            ("https://bot.example.com/hook", "room_message"),
            ("https://bot.example.com/hook", "room_enter"),
            (listener, "room_message"),
            (listener + "-of-another/room_message/Ops/" + "x" * 43, "room_message"),
            (listener.replace("/hipchat", "/other") + "/room_message/Ops/x", "room_message"),
            (listener.replace("http:", "https:") + "/room_message/Ops/x", "room_message"),
            ("http://example.com/?url=" + listener + "/", "room_message")])
        rule = stackstorm.add_rule("message", {"room": "Ops"})
        wait_until(lambda: stackstorm.webhooks("Ops"))
        stackstorm.remove_rule(rule)
        wait_until(lambda: stackstorm.webhooks("Ops") == [])
        stackstorm.restart()
        stackstorm.listen("message", "Ops")
        assert strangers == sorted(hook["id"] for hook in own_hipchat.webhooks("Ops")
                                   if hook not in stackstorm.webhooks("Ops"))

    def test_of_another_stackstorm_are_left_to_it(self, own_hipchat, start_stackstorm):
        first, second = (start_stackstorm(own_hipchat, rooms=["Ops"]) for _ in range(2))
        for stackstorm in (first, second):
            wait_until(stackstorm.has_its_webhooks)
        own_hipchat.people.say("Ops", "Ann", "hello both")
        for stackstorm in (first, second):
            assert len(stackstorm.heard("hipchat.message")) == 1
            assert len(stackstorm.webhooks("Ops")) == 5


class TestRoomsInTrouble:
    """A room that cannot be listened to."""

    def warnings(self, stackstorm, room):
        return [line for line in stackstorm.log().splitlines()
                if " WARN " in line and "Room {} ".format(room) in line]

    def test_that_does_not_exist_is_warned_of_once_and_delays_nobody(
            self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Ops")
        stackstorm = start_stackstorm(hipchat, rooms=["Nowhere", "Ops"])
        wait_until(lambda: len(stackstorm.webhooks("Ops")) == 5)
        wait_until(lambda: self.warnings(stackstorm, "Nowhere"))
        wait_until(lambda: len(calls(hipchat, "/room/Nowhere/webhook", ("GET",))) == 3)
        hipchat.people.say("Ops", "Ann", "hello")
        assert stackstorm.heard("hipchat.message")
        line, = self.warnings(stackstorm, "Nowhere")
        assert "404" in line and "name or id" in line
        assert len(self.warnings(stackstorm, "Factor")) == 1  # the sample rules' room
        assert stackstorm.process.poll() is None

    def test_that_is_created_later_is_picked_up(self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Ops")
        stackstorm = start_stackstorm(hipchat, rooms=["Soon"], events=["message"])
        wait_until(lambda: self.warnings(stackstorm, "Soon"))
        hipchat.people.act("Soon", "Ann", "created")
        wait_until(lambda: stackstorm.webhooks("Soon"))
        hipchat.people.say("Soon", "Ann", "hello")
        assert stackstorm.heard("hipchat.message")
        wait_until(lambda: "Room Soon: can be listened to now" in stackstorm.log())

    def test_that_is_tried_again_comes_at_growing_intervals(
            self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor")
        start_stackstorm(hipchat, rooms=["Nowhere"])
        tries = wait_until(lambda: self.tries(hipchat, 3))
        assert tries[1] - tries[0] == pytest.approx(1, abs=0.5)
        assert tries[2] - tries[1] == pytest.approx(2, abs=0.5)

    def tries(self, hipchat, count):
        from datetime import datetime
        times = [datetime.fromisoformat(call["when"]).timestamp()
                 for call in calls(hipchat, "/room/Nowhere/webhook", ("GET",))]
        return times if len(times) >= count else None

    def test_that_the_token_may_not_administer_is_warned_of_with_the_scope(
            self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor", "--token", "weak:send_notification,view_group")
        stackstorm = start_stackstorm(hipchat, api_key="weak", rooms=["Factor"])
        wait_until(lambda: self.warnings(stackstorm, "Factor"))
        line, = self.warnings(stackstorm, "Factor")
        assert "403" in line and "admin_room" in line
        assert stackstorm.health()["webhooks"]["present"] == 0

    def test_that_no_rule_needs_any_more_is_not_asked_for_again(
            self, start_hipchat, start_stackstorm):
        hipchat = start_hipchat("--room", "Factor")
        stackstorm = start_stackstorm(hipchat)
        rule = stackstorm.add_rule("message", {"room": "Nowhere"})
        wait_until(lambda: self.warnings(stackstorm, "Nowhere"))
        stackstorm.remove_rule(rule)
        wait_until(stackstorm.has_its_webhooks)
        before = len(calls(hipchat, "/room/Nowhere/webhook", ("GET",)))
        assert before <= 3


class TestCallsToHipchat:
    """HipChat allows a personal token 100 calls in five minutes."""

    def test_are_one_for_each_room_and_one_for_each_webhook(self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Factor", "Ops"], events=["message"])
        wait_until(stackstorm.has_its_webhooks)
        made = [call for call in own_hipchat.people.requests() if call["method"] == "POST"]
        listed = [call for call in own_hipchat.people.requests() if call["method"] == "GET"]
        # In Factor the sample rules need four more.
        assert len(made) == 2 + 4
        assert len(listed) <= 2 + 2  # once more where rules came while the sensor began

    def test_are_not_made_for_messages(self, own_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(own_hipchat, rooms=["Ops"])
        wait_until(stackstorm.has_its_webhooks)
        own_hipchat.people.forget()
        for number in range(20):
            own_hipchat.people.say("Ops", "Ann", "message {}".format(number))
        stackstorm.heard("hipchat.message", 20)
        assert own_hipchat.people.requests() == []
