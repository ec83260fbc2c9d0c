"""Messages posted while the sensor is down are backfilled: each once, and in order."""
import time

import pytest
from support import missed
from support.missed import ROOMS, is_sure, say
from support.waiting import wait_until


@pytest.fixture
def hipchat(start_hipchat):
    return start_hipchat(*missed.OPTIONS)


@pytest.fixture
def start(hipchat, start_stackstorm):
    return missed.starter(hipchat, start_stackstorm)


class TestStopped:
    def test_messages_posted_while_the_sensor_was_stopped_come_before_later_ones(
            self, hipchat, start):
        stackstorm = start()
        stackstorm.stop()
        missed = {room: say(hipchat, room, 100) for room in ROOMS}
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
                   len(stackstorm.texts()) >= 300 + 18)
        received = stackstorm.texts()
        for room in ROOMS:
            in_room = [text for text in received if text.endswith("in " + room)]
            assert in_room == missed[room] + after[room]
        notified = stackstorm.payloads("hipchat.notification")
        assert [each["message"] for each in notified] == [
            f"notified {number}" for number in range(20)]
        topics = stackstorm.payloads("hipchat.topic_change")
        assert sorted(each["item"]["topic"] for each in topics) == sorted(
            "Lunch in " + room for room in ROOMS)
        assert stackstorm.health()["history"]["fetched"] >= 323

    def test_a_backfilled_payload_equals_a_webhooks_but_for_id_and_date(self, hipchat, start):
        stackstorm = start(rooms=["Factor"])
        hipchat.people.say("Factor", "Ann", "received @all")
        live, = stackstorm.received("hipchat.message")
        stackstorm.stop()
        hipchat.people.say("Factor", "Ann", "received @all")
        stackstorm.start()
        fetched, = stackstorm.received("hipchat.message")
        for payload in (live, fetched):
            assert payload["item"]["message"].pop("id") and payload["item"]["message"].pop("date")
            # Only the IDs of the installation and of the webhook differ.
            assert set(payload) == set(live)
        assert fetched["item"] == live["item"]
        assert (fetched["event"], fetched["message"]) == (live["event"], live["message"])

    def test_more_than_one_response_holds_is_backfilled_to_the_last(self, hipchat, start, journal):
        stackstorm = start(rooms=["Factor"], options=journal.options)
        stackstorm.stop()
        said = [hipchat.people.say("Factor", "Ann", "missed") for _ in range(1100)]
        stackstorm.start()
        journal.wait_for([said])
        assert journal.dispatched() == said


class TestOld:

    def test_a_new_rule_gets_nothing_old_in_a_room_with_webhooks(self, hipchat, start):
        stackstorm = start(rooms=["Ops"], events=["notification"])  # sample rules want Factor
        say(hipchat, "Ops", 3, "old")
        time.sleep(3)  # until that is older than the whole seconds in which HipChat tells its time
        hipchat.people.forget()
        trigger = stackstorm.listen("message", "Ops")
        wait_until(lambda: [call for call in hipchat.people.requests()
                            if "/history" in call["path"] and call["status"]])
        wait_until(lambda: is_sure(stackstorm))
        said = say(hipchat, "Ops", 1, "new")
        assert stackstorm.texts(trigger, 1) == said
        assert stackstorm.health()["dropped"] == {}

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
        assert stackstorm.texts(count=3) == said
        assert stackstorm.health()["dropped"] == {}
