"""What is said while nobody listens is fetched from HipChat's history: once, and in order."""
import json
import time

import pytest
from support import missed
from support.load import post, signed_url
from support.missed import ROOMS, is_sure, messages, say
from support.waiting import wait_until


@pytest.fixture
def hipchat(start_hipchat):
    return start_hipchat(*missed.OPTIONS)


@pytest.fixture
def start(hipchat, start_stackstorm):
    return missed.starter(hipchat, start_stackstorm)


class TestStopped:
    def test_all_that_was_said_while_the_sensor_was_stopped_comes_before_what_is_said_after(
            self, hipchat, start):
        stackstorm = start()
        stackstorm.stop()
        unheard = {room: say(hipchat, room, 100) for room in ROOMS}
        for number in range(20):
            hipchat.api("POST", "/room/Ops/notification", json={
                "message": f"notified {number}", "message_format": "text"})
        for room in ROOMS:
            hipchat.people.act(room, "Ann", "topic_change", topic="Lunch in " + room)
        stackstorm.start()
        after = {room: say(hipchat, room, 5, "said") for room in ROOMS}
        wait_until(lambda: is_sure(stackstorm, 3))
        after = {room: after[room] + say(hipchat, room, 1, "finally") for room in ROOMS}
        wait_until(lambda: stackstorm.health()["waiting"] == 0 and
                   len(messages(stackstorm)) >= 300 + 18)
        heard = messages(stackstorm)
        for room in ROOMS:
            told = [text for text in heard if text.endswith("in " + room)]
            assert told == unheard[room] + after[room]
        notified = stackstorm.payloads("hipchat.notification")
        assert [each["message"] for each in notified] == [
            f"notified {number}" for number in range(20)]
        topics = stackstorm.payloads("hipchat.topic_change")
        assert sorted(each["item"]["topic"] for each in topics) == sorted(
            "Lunch in " + room for room in ROOMS)
        assert stackstorm.health()["history"]["fetched"] >= 323

    def test_a_topic_that_its_webhook_tells_after_the_history_is_heard_once(self, hipchat, start):
        stackstorm = start(rooms=["Factor"])
        stackstorm.stop()
        hipchat.people.act("Factor", "Ann", "topic_change", topic="Lunch")
        stackstorm.start()
        fetched, = stackstorm.heard("hipchat.topic_change")
        url = signed_url(stackstorm, "Factor", "room_topic_change")
        body = json.dumps({"event": "room_topic_change", "item": fetched["item"]}).encode()
        assert [post(url, body) for _ in range(2)] == [204, 204]
        # HipChat delivers a topic once: the second is somebody who sets the same again.
        assert len(stackstorm.heard("hipchat.topic_change", 2)) == 2
        wait_until(lambda: stackstorm.health()["waiting"] == 0)
        assert stackstorm.health()["dropped"] == {"repeated": 1}

    def test_a_room_in_which_somebody_speaks_is_looked_at_before_the_others(
            self, start_hipchat, start_stackstorm):
        rooms = ["Factor"] + [f"Room {number}" for number in range(39)]
        hipchat = start_hipchat(*[option for room in rooms for option in ("--room", room)])
        stackstorm = missed.starter(hipchat, start_stackstorm)(rooms, events=["message"])
        stackstorm.stop()
        hipchat.people.faults({"paths": "/history", "delay": 0.5})
        hipchat.people.forget()
        stackstorm.start()
        wait_until(lambda: stackstorm.health().get("webhooks", {}).get("present"))
        hipchat.people.say(rooms[20], "Ann", "quick!")
        stackstorm.heard("hipchat.message")
        looks = [call for call in hipchat.people.requests() if "/history" in call["path"]]
        assert len(looks) < len(rooms) // 2

    def test_a_payload_of_the_history_is_that_of_a_webhook_but_for_the_time(self, hipchat, start):
        stackstorm = start(rooms=["Factor"])
        hipchat.people.say("Factor", "Ann", "heard @all")
        live, = stackstorm.heard("hipchat.message")
        stackstorm.stop()
        hipchat.people.say("Factor", "Ann", "heard @all")
        stackstorm.start()
        fetched, = stackstorm.heard("hipchat.message")
        for payload in (live, fetched):
            assert payload["item"]["message"].pop("id") and payload["item"]["message"].pop("date")
            # Which installation, and which webhook told it, is all that differs.
            assert set(payload) == set(live)
        assert fetched["item"] == live["item"]
        assert (fetched["event"], fetched["message"]) == (live["event"], live["message"])

    def test_more_than_one_answer_holds_is_fetched_to_the_last(self, hipchat, start, journal):
        stackstorm = start(rooms=["Factor"], options=journal.options)
        stackstorm.stop()
        said = [hipchat.people.say("Factor", "Ann", "missed") for _ in range(1100)]
        stackstorm.start()
        journal.wait_for([said])
        assert journal.dispatched() == said


class TestOld:
    def test_a_room_that_is_seen_for_the_first_time_tells_nothing_old(self, hipchat, start):
        say(hipchat, "Factor", 3, "old")
        stackstorm = start(rooms=["Factor"])
        said = say(hipchat, "Factor", 1, "new")
        stackstorm.heard("hipchat.message")
        assert messages(stackstorm) == said

    def test_a_new_rule_tells_nothing_old_in_a_room_that_is_heard(self, hipchat, start):
        stackstorm = start(rooms=["Ops"], events=["notification"])  # sample rules want Factor
        say(hipchat, "Ops", 3, "old")
        time.sleep(3)  # until that is older than the whole seconds in which HipChat tells its time
        hipchat.people.forget()
        trigger = stackstorm.listen("message", "Ops")
        wait_until(lambda: [call for call in hipchat.people.requests()
                            if "/history" in call["path"] and call["status"]])
        wait_until(lambda: is_sure(stackstorm))
        said = say(hipchat, "Ops", 1, "new")
        assert [each["message"] for each in stackstorm.heard(trigger)] == said
        assert stackstorm.health()["dropped"] == {}

    def test_what_is_older_than_catch_up_is_counted_and_not_dispatched(self, hipchat, start):
        stackstorm = start(rooms=["Factor"], catch_up=1)
        stackstorm.stop()
        say(hipchat, "Factor", 4, "stale")
        time.sleep(2.5)  # until that is older than a second, of the whole ones that HipChat tells
        stackstorm.start()
        wait_until(lambda: is_sure(stackstorm))
        assert stackstorm.health()["dropped"] == {"too old": 4} and not stackstorm.payloads()
        assert "4 are older than 1 s" in stackstorm.log()

    @pytest.mark.parametrize("ahead", [3700, -3700])
    def test_a_clock_that_is_an_hour_off_makes_nothing_stale(
            self, hipchat, start, tmp_path, monkeypatch, ahead):
        stackstorm = start(rooms=["Factor"])
        stackstorm.stop()
        said = say(hipchat, "Factor", 3)
        (tmp_path / "sitecustomize.py").write_text(
            f"import time\nreal = time.time\ntime.time = lambda: real() + {ahead}\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        stackstorm.start()
        stackstorm.heard("hipchat.message", 3)
        assert messages(stackstorm) == said
        assert stackstorm.health()["dropped"] == {}
