"""A sensor that HipChat cannot reach polls the history of its rooms."""
import statistics
from datetime import datetime

import pytest
from support.waiting import wait_until


@pytest.fixture
def start(start_stackstorm):
    """Start a StackStorm without a listener, and wait until it has looked at the room Factor."""
    def start(hipchat, **more):
        stackstorm = start_stackstorm(hipchat, **dict({"rooms": ["Factor"], "webhook": None},
                                                      **more))
        factor = hipchat.room_id("Factor")  # once, because HipChat may limit the rate of calls
        wait_until(lambda: looks_at(hipchat, factor))
        return stackstorm

    return start


def looks_at(hipchat, number):
    path = f"/v2/room/{number}/history/latest"
    return [call for call in hipchat.people.requests() if call["path"] == path]


class TestWithoutPublicUrl:
    def test_receives_messages_notifications_and_topics_in_order(self, start_hipchat, start):
        hipchat = start_hipchat("--room", "Factor")
        stackstorm = start(hipchat)
        said = [f"message {number}" for number in range(20)]
        for text in said:
            hipchat.people.say("Factor", "Ann", text)
        hipchat.people.act("Factor", "Ann", "topic_change", topic="Lunch")
        hipchat.api("POST", "/room/Factor/notification", json={"message": "built"})
        assert stackstorm.texts("hipchat.message", 20) == said
        topic, = stackstorm.received("hipchat.topic_change")
        assert topic["item"]["topic"] == "Lunch"
        notification, = stackstorm.received("hipchat.notification")
        assert notification["message"] == "built"
        assert hipchat.webhooks("Factor") == []

    def test_is_reported_by_check(self, start_hipchat, start):
        stackstorm = start(start_hipchat("--room", "Factor"))
        succeeded, result = stackstorm.run_action("hipchat.check")
        assert succeeded and result["lines"][-1].startswith(
            "ok: listener: none, since webhook.public_url is not set: the sensor polls the history")
        assert "Rooms without webhooks: 1. Each is polled every " in stackstorm.log()

    def test_names_the_setting_to_a_rule_for_an_event_that_is_not_in_the_history(
            self, start_hipchat, start):
        stackstorm = start(start_hipchat("--room", "Factor"))
        rule = stackstorm.add_rule("enter", {"room": "Factor"})
        wait_until(lambda: "an event cannot be received without a webhook" in stackstorm.log())
        line, = stackstorm.log_lines("without a webhook")
        assert "Set webhook.public_url" in line and rule in line and " ERROR " in line

    def test_dispatches_nothing_old_and_continues_at_its_cursor_after_a_restart(
            self, start_hipchat, start):
        hipchat = start_hipchat("--room", "Factor")
        hipchat.people.say("Factor", "Ann", "old")
        stackstorm = start(hipchat)
        stackstorm.stop()
        hipchat.people.say("Factor", "Ann", "missed")
        stackstorm.start()
        assert stackstorm.texts("hipchat.message", 1) == ["missed"]

    def test_keeps_within_its_share_of_the_calls(self, start_hipchat, start_stackstorm):
        rooms = ["Factor"] + [f"Room {number}" for number in range(49)]
        options = [option for room in rooms for option in ("--room", room)]
        hipchat = start_hipchat("--rate-limit", "800", "--rate-window", "300", *options)
        start_stackstorm(hipchat, rooms=rooms, webhook=None, calls_share=0.5)
        # Ten calls take 7.5 s at the pace that is tested, on top of the start of 50 rooms.
        wait_until(lambda: len(hipchat.people.requests()) > 10, seconds=60)
        calls = hipchat.people.requests()
        assert {call["status"] for call in calls} == {200}
        moments = [datetime.fromisoformat(call["when"]) for call in calls]
        paces = [(after - before).total_seconds() for before, after in zip(moments, moments[1:])]
        assert statistics.median(paces) > 0.7, "300 s / (0.5 * 800 calls)"


def test_a_room_whose_webhooks_are_refused_is_asked_and_the_others_are_not(
        start_hipchat, start_stackstorm):
    hipchat = start_hipchat("--room", "Factor", "--room", "Ops")
    hipchat.people.faults({"paths": "/room/1001/webhook", "status": 403, "methods": ["GET"]})
    stackstorm = start_stackstorm(hipchat, rooms=["Factor", "Ops"], events=["message"])
    wait_until(lambda: stackstorm.webhooks("Ops"))
    wait_until(lambda: stackstorm.health()["history"]["asked"] == 1)
    assert stackstorm.health()["history"]["every"] >= 0.5
    hipchat.people.say("Factor", "Ann", "asked for")
    hipchat.people.say("Ops", "Ann", "delivered")
    received = stackstorm.texts("hipchat.message", 2)
    assert sorted(received) == ["asked for", "delivered"]
    assert stackstorm.health()["accepted"] == 1
    assert "Until then its history is polled" in stackstorm.log()
