"""The dispatcher: which deliveries reach which trigger, and which are dropped."""
import logging
from types import SimpleNamespace

import pytest
from support.dispatching import LOG
from support.waiting import wait_until

from hipchat.webhook.webhook_url import Address
from listening.dispatch.room_queues import RoomQueues


class TestDelivery:
    def test_leaves_the_spool_once_every_matching_trigger_has_it(self, bench):
        bench.listen("one")
        bench.listen("two", filter="deploy")
        bench.listen("three", filter="never said")
        bench.listen("four", room="Elsewhere")
        bench.start()
        bench.deliver("trace")
        assert sorted(bench.stackstorm.published) == [("one", "trace"), ("two", "trace")]
        assert bench.health.report()["dispatched"] == 1

    def test_is_not_dispatched_again_to_the_triggers_that_have_it(self, bench, pauses):
        for ref in ("one", "two", "three"):
            bench.listen(ref)
        attempts = bench.stackstorm.attempts
        bench.stackstorm.fails = lambda trigger, trace: trigger == "two" and attempts[trace] < 4
        bench.start()
        bench.deliver("trace")
        triggers = [trigger for trigger, _ in bench.stackstorm.published]
        assert sorted(triggers) == ["one", "three", "two"]

    def test_that_another_sensor_had_dispatched_is_dispatched_to_the_others_alone(self, bench):
        for ref in ("one", "two"):
            bench.listen(ref)
        bench.dispatcher.take_over(SimpleNamespace(
            has=lambda trigger, content, sent_at: trigger == "one" or "deploy" in str(content)))
        bench.start()
        bench.put("first", text="build")
        bench.put("second", text="deploy")
        wait_until(lambda: bench.spool.waiting == 0)
        assert bench.stackstorm.published == [("two", "first")]
        report = bench.health.report()
        assert (report["dispatched"], report["dropped"]) == (1, {"dispatched before": 1})

    def test_stays_in_the_spool_as_long_as_dispatching_fails(self, bench, pauses):
        bench.listen("trigger")
        bench.stackstorm.fails = lambda trigger, trace: True
        bench.start()
        bench.put("trace")
        wait_until(lambda: len(pauses) > 7)
        assert pauses[:7] == [1, 2, 4, 8, 16, 30, 30]
        assert bench.spool.waiting == 1
        bench.stackstorm.fails = lambda trigger, trace: False
        wait_until(lambda: bench.spool.waiting == 0)
        assert bench.stackstorm.published == [("trigger", "trace")]

    def test_that_waited_in_the_spool_at_the_start_is_dispatched(self, bench):
        bench.listen("trigger")
        bench.put("trace")
        bench.queues = RoomQueues(bench.spool, bench.dispatcher.deliver, bench.health, LOG)
        bench.start()
        wait_until(lambda: bench.spool.waiting == 0)
        assert bench.stackstorm.published == [("trigger", "trace")]

    def test_that_comes_before_the_triggers_are_known_waits_for_them(self, bench, pauses):
        def unknown():
            raise ConnectionError("no database")

        bench.know("Factor")
        bench.refresh = unknown
        bench.start()
        bench.put("trace")
        wait_until(lambda: bench.refreshes > 3)
        assert bench.spool.waiting == 1
        bench.refresh = lambda: bench.listen("trigger")
        wait_until(lambda: bench.stackstorm.published == [("trigger", "trace")])


class TestDropped:
    @pytest.fixture(autouse=True)
    def start(self, bench):
        bench.start()

    def test_is_a_delivery_without_a_trigger_and_its_webhook_is_checked(self, bench):
        bench.know("Factor")
        bench.listen("trigger", room="Elsewhere")
        bench.deliver("trace")
        assert bench.health.report()["dropped"] == {"unwanted": 1}
        assert bench.unwanted == [Address("room_message", 1001)]

    def test_is_what_no_filter_finds(self, bench):
        bench.listen("trigger", filter="never said")
        bench.deliver("trace")
        assert bench.health.report()["dropped"] == {"filtered": 1}
        assert bench.unwanted == []

    @pytest.mark.parametrize("damage", [{"body": b"\xff"}, {"event": "room_mess\x00ge"}])
    def test_is_what_a_damaged_disk_made_unreadable(self, bench, damage):
        bench.listen("trigger")
        bench.put("broken", **damage)
        bench.deliver("whole")
        assert bench.health.report()["dropped"] == {"unreadable": 1}
        assert bench.stackstorm.traces() == ["whole"]


class TestNoRoomListed:
    """HipChat's list of rooms is empty, while a rule names a room."""

    @pytest.fixture(autouse=True)
    def start(self, bench):
        bench.rooms.replace([])
        bench.add("by name", "Factor")
        bench.add("by id", "1002")
        bench.start()

    def test_a_delivery_without_a_trigger_waits_for_the_names(self, bench, pauses):
        bench.put("waits", "1001")
        wait_until(lambda: bench.health.report()["reasons"] == ["rooms: HipChat lists no room"])
        assert bench.spool.waiting == 1 and not bench.unwanted
        bench.know("Factor")
        wait_until(lambda: bench.stackstorm.published == [("by name", "waits")])
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_rooms_that_rules_call_by_id_go_on(self, bench, pauses):
        bench.put("waits", "1001")
        wait_until(lambda: bench.health.report()["reasons"])
        bench.put("goes", "1002")
        wait_until(lambda: bench.stackstorm.published == [("by id", "goes")])

    def test_a_delivery_without_a_trigger_is_dropped_where_no_rule_names_a_room(self, bench):
        bench.subscriptions.remove({"ref": "by name"})
        bench.put("unwanted", "1001")
        wait_until(lambda: bench.health.report()["dropped"] == {"unwanted": 1})

    def test_problems_end_independently(self, bench, pauses):
        bench.put("waits", "1001")
        bench.stackstorm.fails = lambda trigger, trace: True
        bench.put("goes", "1002")
        wait_until(lambda: len(bench.health.report()["reasons"]) == 2)
        bench.stackstorm.fails = lambda trigger, trace: False
        wait_until(lambda: bench.health.report()["reasons"] == ["rooms: HipChat lists no room"])


class TestUnwanted:
    def test_delivery_refreshes_triggers_before_it_is_dropped(self, bench, monkeypatch):
        monkeypatch.setattr("listening.timing.TRIGGER_REFRESH_THROTTLE", 0)
        bench.know("Factor")
        bench.start()
        bench.put("unwanted")
        wait_until(lambda: bench.health.report()["dropped"] == {"unwanted": 1})
        bench.refresh = lambda: bench.listen("trigger")
        bench.put("wanted")
        wait_until(lambda: bench.stackstorm.published == [("trigger", "wanted")])

    def test_deliveries_refresh_triggers_at_a_throttled_rate(self, bench):
        bench.know("Factor")
        bench.start()
        for number in range(50):
            bench.put(number)
        wait_until(lambda: bench.health.report()["dropped"] == {"unwanted": 50})
        assert bench.refreshes == 1


def test_the_log_joins_a_delivery_to_its_trace(bench, caplog):
    caplog.set_level(logging.INFO)
    bench.listen("trigger")
    bench.start()
    bench.deliver("trace-of-it")
    assert "dispatched to trigger with the trace tag trace-of-it" in caplog.text
