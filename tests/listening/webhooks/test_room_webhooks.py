"""The webhooks that the sensor makes, finds again and removes in HipChat."""
import uuid

from support.waiting import wait_until

CHANGING = ("POST", "PUT", "DELETE")


def events(hooks):
    return sorted(hook["event"] for hook in hooks)


def calls(hipchat, room, *methods):
    """The API calls to a room's webhooks."""
    path = f"/v2/room/{hipchat.room_id(room)}/webhook"
    return [call for call in hipchat.people.requests()
            if call["path"].startswith(path) and call["method"] in methods]


class TestMade:
    """One webhook for each room and event that is needed."""

    def test_with_a_url_below_the_public_url_and_a_name_that_people_understand(
            self, hipchat, stackstorm):
        for hook in stackstorm.webhooks(stackstorm.room):
            event, room, signature = hook["url"][len(stackstorm.listener) + 1:].split("/")
            assert (event, room) == (hook["event"], str(hipchat.room_id(stackstorm.room)))
            assert len(signature) == 43
            assert hook["name"] == "StackStorm"
            assert not hook["pattern"]

    def test_one_only_for_a_room_by_name_and_by_id_as_long_as_a_rule_needs_it(
            self, hipchat, stackstorm):
        room = hipchat.make_room()
        by_name, by_id = (stackstorm.add_rule("message", {"room": each})
                          for each in (room, hipchat.room_id(room)))
        wait_until(lambda: stackstorm.webhooks(room))
        stackstorm.listen("message", hipchat.make_room())  # looked at after the other room
        assert events(stackstorm.webhooks(room)) == ["room_message"]
        for text in ("first", "second"):
            hipchat.people.say(room, "Ann", text)
        for rule in (by_name, by_id):
            assert stackstorm.texts(stackstorm.trigger_of(rule), 2) == ["first", "second"]
        stackstorm.remove_rule(by_name)
        stackstorm.listen("message", hipchat.make_room())  # looked at after the other room
        assert events(stackstorm.webhooks(room)) == ["room_message"]
        hipchat.people.say(room, "Ann", "third")
        assert stackstorm.texts(stackstorm.trigger_of(by_id), 3)[2] == "third"
        stackstorm.remove_rule(by_id)
        wait_until(lambda: stackstorm.webhooks(room) == [])


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

    def test_when_the_last_rule_is_disabled_and_made_again_when_it_is_enabled(
            self, hipchat, stackstorm):
        room = hipchat.make_room()
        rule = stackstorm.add_rule("message", {"room": room}, enabled=False)
        other = stackstorm.listen("message", hipchat.make_room())
        assert stackstorm.webhooks(room) == []
        definition = stackstorm.api("GET", "/v1/rules/" + rule)
        for enabled in (True, False, True):
            stackstorm.api("PUT", "/v1/rules/" + rule, json=dict(definition, enabled=enabled))
            wait_until(lambda: events(stackstorm.webhooks(room)) == enabled * ["room_message"])
        hipchat.people.say(room, "Ann", "hello")
        assert stackstorm.received(stackstorm.trigger_of(rule)) and not stackstorm.payloads(other)

    def test_that_was_left_over_when_a_rule_was_deleted_while_the_sensor_was_down(
            self, hipchat, start_stackstorm, room):
        stackstorm = start_stackstorm(hipchat, rooms=[hipchat.make_room()], events=["message"])
        stackstorm.listen("message", room)
        wait_until(stackstorm.has_its_webhooks)
        stackstorm.stop()  # and with it the sandbox forgets the rule
        assert events(stackstorm.webhooks(room)) == ["room_message"]
        stackstorm.start()
        wait_until(stackstorm.has_its_webhooks)
        hipchat.people.say(room, "Ann", "does anybody hear?")
        wait_until(lambda: stackstorm.webhooks(room) == [])
        assert stackstorm.health()["dropped"]["unwanted"] == 1


class TestFoundAgain:
    """After a restart, what is there is used."""

    def test_without_a_call_that_changes_anything(self, hipchat, start_ready, room):
        many = hipchat.make_room()
        for number in range(1000):  # as many as HipChat lists in one page
            hipchat.make_webhook(many, f"https://example.com/{number}")
        stackstorm = start_ready(hipchat, rooms=[room, many])
        before = stackstorm.webhooks(room)
        stackstorm.stop()
        hipchat.people.forget()
        stackstorm.start()
        wait_until(stackstorm.has_its_webhooks)
        for each in (room, many):
            assert calls(hipchat, each, *CHANGING) == []
            assert 1 <= len(calls(hipchat, each, "GET")) <= 4
        assert stackstorm.webhooks(room) == before
        hipchat.people.say(many, "Ann", "welcome back")
        assert stackstorm.received("hipchat.message")

    def test_and_set_right_to_one_for_each_event_that_is_needed(self, hipchat, start_ready):
        rooms = {name: hipchat.make_room() for name in (
            "kept", "deleted", "doubled", "doubled by id", "stale")}
        by_id = str(hipchat.room_id(rooms["doubled by id"]))
        stackstorm = start_ready(hipchat, events=["message", "enter"],
                                 rooms=list(dict(rooms, **{"doubled by id": by_id}).values()))
        stackstorm.stop()
        before = {name: hook for name, room in rooms.items()
                  for hook in stackstorm.webhooks(room) if hook["event"] == "room_message"}
        for name in ("deleted", "stale"):
            hipchat.api("DELETE", f"/room/{rooms[name]}/webhook/{before[name]['id']}")
        for name in ("doubled", "doubled by id") * 3:
            hipchat.make_webhook(rooms[name], before[name]["url"])
        hipchat.make_webhook(rooms["stale"], before["stale"]["url"][:-43] + "x" * 43)
        stackstorm.config["events"] = ["message"]
        stackstorm.start()
        wait_until(lambda: {name: [hook["url"] for hook in stackstorm.webhooks(room)]
                            for name, room in rooms.items()} == {
                                name: [hook["url"]] for name, hook in before.items()})
        for name in ("kept", "doubled", "doubled by id"):
            assert stackstorm.webhooks(rooms[name]) == [before[name]]
        for name, room in rooms.items():
            for text in ("once", "marker"):
                hipchat.people.say(room, "Ann", text + name)
        wait_until(lambda: {"marker" + name for name in rooms} <= set(stackstorm.texts()))
        received = stackstorm.texts()
        assert [received.count("once" + name) for name in rooms] == [1] * 5


class TestStrangers:
    """Webhooks that are not ours."""

    def test_survive_whatever_the_sensor_does(self, hipchat, start_stackstorm, room):
        stackstorm = start_stackstorm(hipchat)
        listener = stackstorm.listener
        strangers = sorted(hipchat.make_webhook(room, url, event) for url, event in [
            ("https://bot.example.com/hook", "room_message"),
            ("https://bot.example.com/hook", "room_enter"),
            (listener, "room_message"),
            (listener + "-of-another/room_message/Ops/" + "x" * 43, "room_message"),
            (listener.replace("/hipchat", "/other") + "/room_message/Ops/x", "room_message"),
            (listener.replace("http:", "https:") + "/room_message/Ops/x", "room_message"),
            ("http://example.com/?url=" + listener + "/", "room_message")])
        rule = stackstorm.add_rule("message", {"room": room})
        wait_until(lambda: stackstorm.webhooks(room))
        stackstorm.remove_rule(rule)
        wait_until(lambda: stackstorm.webhooks(room) == [])
        stackstorm.restart()
        stackstorm.listen("message", room)
        assert strangers == sorted(hook["id"] for hook in hipchat.webhooks(room)
                                   if hook not in stackstorm.webhooks(room))

    def test_of_another_stackstorm_are_left_to_it(self, hipchat, start_stackstorm, room):
        first, second = (start_stackstorm(hipchat, rooms=[room]) for _ in range(2))
        for stackstorm in (first, second):
            wait_until(stackstorm.has_its_webhooks)
        hipchat.people.say(room, "Ann", "hello both")
        for stackstorm in (first, second):
            assert len(stackstorm.received("hipchat.message")) == 1
            assert len(stackstorm.webhooks(room)) == 5


class TestRoomsInTrouble:
    """A room whose events cannot be received."""

    def warnings(self, stackstorm, room):
        return stackstorm.log_lines(" WARN ", f"Room {room}")

    def test_of_the_sample_rules_affects_no_other(self, start_hipchat, start_stackstorm):
        stackstorm = start_stackstorm(start_hipchat("--room", "Ops"), rooms=["Ops"])
        wait_until(lambda: len(stackstorm.webhooks("Ops")) == 5)
        wait_until(stackstorm.has_its_webhooks)
        assert stackstorm.health()["webhooks"] == {"wanted": 5, "present": 5}
        assert stackstorm.health()["status"] == "ok" and "Room Factor" not in stackstorm.log()

    def test_that_is_created_later_is_picked_up(self, hipchat, start_stackstorm):
        room = "Soon " + uuid.uuid4().hex[:8]
        stackstorm = start_stackstorm(hipchat, rooms=[room], events=["message"])
        wait_until(lambda: self.warnings(stackstorm, room))
        hipchat.people.act(room, "Ann", "created")
        wait_until(lambda: stackstorm.webhooks(room))
        hipchat.people.say(room, "Ann", "hello")
        assert stackstorm.received("hipchat.message")
        wait_until(lambda: f"Room {room}: its events can be received now" in stackstorm.log())


class TestCallsToHipchat:
    """HipChat allows a personal token 100 calls in five minutes."""

    def test_are_one_for_each_room_and_one_for_each_webhook(self, hipchat, start_ready, room):
        start_ready(hipchat, rooms=[room], events=["message", "enter"])
        assert len(calls(hipchat, room, "POST")) == 2
        # Once more where a rule came to the sensor's knowledge after the first look.
        assert len(calls(hipchat, room, "GET")) <= 2

    def test_are_not_made_for_messages(self, start_hipchat, start_ready):
        hipchat = start_hipchat("--room", "Factor")
        stackstorm = start_ready(hipchat, rooms=["Factor"], catch_up=0)
        hipchat.people.forget()
        for number in range(20):
            hipchat.people.say("Factor", "Ann", f"message {number}")
        stackstorm.received("hipchat.message", 20)
        assert hipchat.people.requests() == []
