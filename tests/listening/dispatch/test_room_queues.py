"""The queues of rooms: in order within a room, until StackStorm has each delivery."""
import logging
import os
import sqlite3

import eventlet
import pytest
from support.clock import Clock
from support.waiting import wait_until

from listening.dispatch.room_queues import DISPATCHES_PER_YIELD, WORKERS, RoomQueues
from listening.errors import ServiceUnavailable
from listening.spool import SpoolError


class TestOrder:
    def test_within_a_room_is_kept_when_dispatches_fail(self, bench, pauses):
        bench.listen("trigger")
        attempts = bench.stackstorm.attempts
        bench.stackstorm.fails = lambda trigger, trace: attempts[trace] < 3
        bench.start()
        for number in range(10):
            bench.put(number)
        wait_until(lambda: len(bench.stackstorm.published) == 10)
        assert bench.stackstorm.traces() == [str(number) for number in range(10)]

    def test_goes_on_in_other_rooms_while_one_is_held_up(self, bench):
        for room in ("Slow", "Fast"):
            bench.listen("trigger of " + room, room)
        bench.stackstorm.fails = lambda trigger, trace: trace == "stuck"
        bench.start()
        bench.put("stuck", "Slow")
        bench.put("behind it", "Slow")
        for number in range(20):
            bench.put(number, "Fast")
        wait_until(lambda: len(bench.stackstorm.published) == 20)
        assert "behind it" not in bench.stackstorm.traces()

    def test_across_rooms_is_parallel_up_to_the_number_of_workers(self, bench):
        bench.stackstorm.hold()
        for number in range(3 * WORKERS):
            bench.listen(f"trigger {number}", str(number))
            bench.put(number, str(number))
        bench.start()
        wait_until(lambda: bench.stackstorm.under_way == WORKERS)
        bench.stackstorm.release()
        wait_until(lambda: len(bench.stackstorm.published) == 3 * WORKERS)
        assert bench.stackstorm.most_under_way == WORKERS == 50


class Arriving:
    """Deliveries that arrive all the time, but for as many pauses as a test says."""

    def __init__(self):
        self.pauses = 0

    def __bool__(self):
        self.pauses, paused = max(self.pauses - 1, 0), self.pauses > 0
        return not paused


class TestArrivals:
    @pytest.fixture
    def disk(self, bench):
        """A disk that is busy until commit(), while a second delivery arrives; one waits."""
        bench.listen("trigger")
        bench.put("waits")
        disk = sqlite3.connect(os.path.join(bench.spool.directory, "deliveries.sqlite3"),
                               isolation_level=None)
        disk.execute("BEGIN IMMEDIATE")
        eventlet.spawn(bench.put, "arrives")
        wait_until(lambda: bench.spool.arriving == 1)
        yield disk
        disk.close()

    def test_come_first(self, bench, disk, monkeypatch):
        monkeypatch.setattr("listening.timing.DISPATCH_YIELD_TIMEOUT", 5)
        arriving = []
        bench.stackstorm.fails = lambda trigger, trace: arriving.append(bench.spool.arriving)
        bench.start()
        wait_until(lambda: bench.queues._queue.empty())
        disk.commit()
        wait_until(lambda: bench.stackstorm.traces() == ["waits", "arrives"])
        assert arriving == [0, 0]

    def test_that_do_not_end_hold_dispatching_up_for_a_moment_only(self, bench, disk):
        bench.start()
        wait_until(lambda: bench.stackstorm.traces() == ["waits"])
        assert bench.spool.arriving == 1

    def test_that_pause_let_a_group_go_at_a_time(self, bench, monkeypatch):
        monkeypatch.setattr("listening.dispatch.room_queues.time",
                            Clock())  # else the pause would time out
        for number in range(3 * DISPATCHES_PER_YIELD):
            bench.listen(f"trigger {number}", str(number))
            bench.put(number, str(number))
        bench.spool.arriving = arriving = Arriving()
        bench.start()
        for groups in (1, 2, 3):
            bench.stackstorm.hold()
            arriving.pauses = 1
            wait_until(lambda: bench.stackstorm.under_way == DISPATCHES_PER_YIELD)
            bench.stackstorm.release()
            wait_until(lambda: len(bench.stackstorm.published) == groups * DISPATCHES_PER_YIELD)
        bench.spool.arriving = 0
        assert bench.stackstorm.most_under_way == DISPATCHES_PER_YIELD == 10


class TestHealing:
    def test_refreshes_triggers_at_the_start_and_after_a_failure_and_at_no_other_time(
            self, bench, pauses):
        bench.listen("trigger")
        bench.start()
        bench.put("one")
        bench.deliver("two")
        assert bench.refreshes == 1
        bench.stackstorm.fails = lambda trigger, trace: bench.stackstorm.attempts[trace] == 1
        bench.deliver("three")
        assert bench.refreshes == 2

    def test_refreshes_triggers_once_however_many_rooms_failed_together(self, bench, pauses):
        attempts, failed = bench.stackstorm.attempts, []

        def fail_together(trigger, trace):
            if attempts[trace] > 1:
                return False
            wait_until(lambda: len(attempts) == 10)
            failed.append(trace)
            return True

        for number in range(10):
            bench.listen(f"trigger {number}", str(number))
            bench.put(number, str(number))
        bench.stackstorm.fails = fail_together
        bench.refresh = lambda: bench.refreshes == 1 or wait_until(lambda: len(failed) == 10)
        bench.start()
        wait_until(lambda: bench.spool.waiting == 0)
        assert bench.refreshes == 2

    def test_forgets_a_trigger_whose_deletion_was_not_reported(self, bench, pauses):
        bench.listen("deleted")
        bench.stackstorm.fails = lambda trigger, trace: trigger == "deleted"
        bench.start()
        bench.refresh = lambda: bench.refreshes > 1 and bench.subscriptions.replace([])
        bench.deliver("trace")
        assert bench.health.report()["dropped"] == {"unwanted": 1}

    def test_is_reported_when_the_last_room_works_again(self, bench, pauses):
        for room in ("One", "Two"):
            bench.listen("trigger of " + room, room)
        failing = {"trigger of One", "trigger of Two"}
        bench.stackstorm.fails = lambda trigger, trace: trigger in failing
        bench.start()
        bench.put("1", "One")
        bench.put("2", "Two")
        wait_until(lambda: min(bench.stackstorm.attempts[trace] for trace in "12") > 1)
        for room in ("One", "Two"):
            assert bench.health.report()["reasons"] == [
                "broker: dispatching to StackStorm fails"]
            failing.discard("trigger of " + room)
            wait_until(lambda: len(bench.stackstorm.published) == 2 - len(failing))
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_a_slow_dispatch_is_reported_by_health(self, bench, monkeypatch):
        monkeypatch.setattr("listening.timing.DISPATCH_SLOW", 0.01)
        bench.listen("trigger")
        bench.stackstorm.hold()
        bench.start()
        bench.put("trace")
        wait_until(lambda: bench.health.report()["reasons"] == [
            "broker: dispatching to StackStorm takes long"])
        bench.stackstorm.release()
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_a_hanging_disk_is_reported_by_health(self, bench, monkeypatch):
        monkeypatch.setattr("listening.timing.DISPATCH_SLOW", 0.01)
        bench.start()
        bench.spool.hangs = True
        wait_until(lambda: bench.health.report()["reasons"] == ["spool: the disk does not answer"])
        bench.spool.hangs = False
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_warns_once_of_dispatches_that_take_long_and_fail_again_and_again(
            self, bench, pauses, monkeypatch, caplog):
        monkeypatch.setattr("listening.timing.DISPATCH_SLOW", 0.005)
        bench.listen("trigger")
        bench.stackstorm.takes = 0.02
        bench.stackstorm.fails = lambda trigger, trace: True
        bench.stackstorm.hold()
        bench.start()
        bench.put("trace")
        wait_until(lambda: caplog.records)
        bench.stackstorm.release()
        wait_until(lambda: len(pauses) > 5)
        warned = [record.getMessage().partition(".")[0] for record in caplog.records]
        assert warned == ["broker: dispatching to StackStorm takes long",
                          "broker: dispatching to StackStorm fails"]


class TestSpoolInTrouble:
    def test_is_reported_by_health_and_passes(self, bench, pauses, monkeypatch):
        bench.listen("trigger")
        bench.start()
        with monkeypatch.context() as context:
            context.setattr(bench.spool, "next", _unreadable)
            bench.put("trace")
            wait_until(lambda: bench.health.report()["reasons"] == ["spool: cannot be read"])
        wait_until(lambda: bench.stackstorm.published == [("trigger", "trace")])
        assert bench.health.report()["status"] == "ok"

    def test_passes_too_if_the_delivery_is_gone(self, bench, pauses, monkeypatch):
        bench.start()
        with monkeypatch.context() as context:
            context.setattr(bench.spool, "next", _unreadable)
            bench.queues.notify(1001)
            wait_until(lambda: bench.health.report()["status"] == "degraded")
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_that_is_replaced_skips_no_delivery(self, bench):
        bench.listen("trigger")
        bench.start()
        for number in range(20):
            bench.put(number)
            if number % 5 == 0:
                bench.spool._store.is_damaged = True
        wait_until(lambda: len(bench.stackstorm.published) == 20)
        assert bench.stackstorm.traces() == [str(number) for number in range(20)]


def _unreadable(room_id):
    raise SpoolError("The spool cannot be used.")


class TestOutage:
    """StackStorm takes nothing at all."""

    @pytest.fixture
    def outage(self, bench):
        """Ten rooms whose deliveries meet an outage; traces of the attempts, in their order."""
        attempts = []

        def dispatch(trigger, payload, trace):
            attempts.append(trace)
            if bench.away:
                raise ServiceUnavailable(bench.away, "is away", "The error: odd.")
            bench.stackstorm.published.append((trigger, trace))

        bench.stackstorm.dispatch, bench.away = dispatch, "broker"
        bench.queues = RoomQueues(bench.spool, bench.make_dispatcher(dispatch).deliver,
                                  bench.health, logging.getLogger("test"))
        for number in range(10):
            bench.listen(f"trigger {number}", str(number))
            bench.put(number, str(number))
        bench.start()
        return attempts

    def test_is_tried_with_one_delivery_for_all_every_two_seconds_at_most(
            self, bench, pauses, outage):
        wait_until(lambda: len(pauses) > 10)
        assert pauses[:5] == [1, 2, 2, 2, 2]
        probe = outage[-1]
        assert set(outage[10:]) == {probe}

    def test_holds_all_rooms_and_ends_for_all_together(self, bench, pauses, outage):
        wait_until(lambda: len(pauses) > 3)
        bench.listen("trigger late", "late")
        bench.put("late", "late")
        count = len(pauses)
        wait_until(lambda: len(pauses) > count + 5)
        assert "late" not in outage
        bench.away = None
        wait_until(lambda: len(bench.stackstorm.published) == 11)
        assert len(set(bench.stackstorm.published)) == 11
        assert bench.health.report()["reasons"] == []

    def test_is_over_in_health_too_where_the_only_room_was_paused(self, bench, pauses):
        bench.listen("trigger")
        bench.stackstorm.fails = lambda trigger, trace: True
        bench.start()
        bench.stackstorm.error = ServiceUnavailable("broker", "is away", "The error: odd.")
        bench.put("waits")
        wait_until(lambda: bench.health.report()["reasons"] == ["broker: is away"])
        bench.queues.pause(1001)
        wait_until(lambda: bench.queues.is_awaited(1001))
        bench.stackstorm.fails = lambda trigger, trace: False
        bench.queues.resume(1001)
        wait_until(lambda: bench.health.report()["status"] == "ok")
        assert bench.stackstorm.traces() == ["waits"]

    def test_says_what_is_away(self, bench, pauses, outage):
        wait_until(lambda: bench.health.report()["reasons"] == ["broker: is away"])
        bench.away = "database"
        wait_until(lambda: bench.health.report()["reasons"] == ["database: is away"])

    def test_is_over_when_a_delivery_fails_for_a_reason_of_its_own(self, bench, pauses, outage):
        wait_until(lambda: len(pauses) > 3)
        stuck = outage[-1]
        published = bench.stackstorm.published

        class Told(list):
            def append(self, dispatched):
                if dispatched[1] == stuck:
                    raise ValueError("odd")
                published.append(dispatched)

        bench.stackstorm.published, bench.away = Told(), None
        wait_until(lambda: len(published) == 9)
        wait_until(lambda: bench.health.report()["reasons"] == [
            "broker: dispatching to StackStorm fails"])


class TestStop:
    def test_waits_for_what_is_under_way_and_begins_no_other(self, bench):
        bench.listen("trigger")
        bench.stackstorm.takes = 0.5
        for number in range(10):
            bench.put(number)
        bench.start()
        wait_until(lambda: bench.stackstorm.under_way)
        bench.queues.finish()
        bench.spool.settle()
        done = list(bench.stackstorm.published)
        assert len(done) + bench.spool.waiting == 10 and bench.spool.waiting
        eventlet.sleep(0.2)
        assert bench.stackstorm.published == done


class TestPause:
    """A room in which nothing is dispatched."""

    @pytest.fixture(autouse=True)
    def start(self, bench):
        bench.listen("trigger")
        bench.start()
        bench.queues.pause(1001)

    def test_ends_when_it_is_resumed(self, bench):
        bench.put("waits")
        wait_until(lambda: bench.queues.is_awaited(1001))
        assert bench.spool.waiting == 1 and bench.queues.paused() == {1001}
        bench.queues.resume(1001)
        wait_until(lambda: bench.stackstorm.traces() == ["waits"])
        assert bench.queues.paused() == set() and not bench.queues.is_awaited(1001)

    def test_ends_after_its_longest_time(self, bench, monkeypatch, caplog):
        caplog.set_level(logging.INFO)
        monkeypatch.setattr("listening.timing.ROOM_PAUSE_MAX", 0.01)
        bench.queues.pause(1001)  # from now on
        bench.put("waits")
        wait_until(lambda: bench.stackstorm.traces() == ["waits"])
        assert "Room 1001: its history could not be read" in caplog.text

    def test_is_not_ended_by_the_timer_of_an_earlier_one(self, bench, monkeypatch):
        with monkeypatch.context() as context:
            context.setattr("listening.timing.ROOM_PAUSE_MAX", 0.01)
            bench.queues.pause(1001)
        bench.queues.resume(1001)
        bench.queues.pause(1001)
        bench.put("waits")
        eventlet.sleep(0.05)  # the earlier one's time
        assert bench.spool.waiting == 1 and bench.queues.is_awaited(1001)
