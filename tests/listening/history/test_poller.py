"""When a room's history is read, and which items are dispatched, by a clock of the test."""
import json
import logging
from types import SimpleNamespace

import eventlet
import pytest
from support.clock import Clock
from support.history import (
    CATCH_UP, FACTOR, OPS, ROOMS, Bench, Datastore, Hipchat, trigger)
from support.waiting import wait_until

from listening import room_schedule, timing
from listening.history import poller as catching_up
from listening.history import subscribed

REMEMBERED = 7200.0


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr("listening.timing.WEBHOOK_SETTLE_DELAY", 0.0)
    clock = Clock()
    for module in (catching_up, subscribed, room_schedule):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def hipchat(clock):
    return Hipchat(clock)


@pytest.fixture
def datastore():
    return Datastore()


@pytest.fixture
def make(tmp_path, hipchat, clock, datastore, tasks):
    """Make a bench with a rule for Factor that has read once; the next call restarts it."""
    made = []

    def make(*triggers, rooms=ROOMS):
        for bench in made:
            bench.stop()
        made[:] = [Bench(tmp_path / "spool", hipchat, clock, triggers or [trigger()], rooms,
                         datastore)]
        wait_until(lambda: made[0].reported("rooms") and not made[0].reported("doubtful"))
        return made[0]

    yield make
    for bench in made:
        bench.stop()


@pytest.mark.parametrize("requested", [True, False])
def test_a_check_requested_during_a_read_is_kept_and_so_is_the_order(make, hipchat, requested):
    bench = make()

    def during_read():
        hipchat.say("missed")
        bench.history.request_check(FACTOR)
        bench.come(hipchat.say("received"))

    hipchat.during_read = during_read
    bench.read_again(requested=requested)
    wait_until(lambda: len(bench.dispatched) == 2)
    assert bench.dispatched == ["missed", "received"]


@pytest.fixture
def pauses(clock, monkeypatch):
    """Delays between calls move the clock on and take no time."""
    def sleep(seconds):
        clock.now += seconds
        eventlet.sleep(0)

    monkeypatch.setattr(catching_up, "eventlet", SimpleNamespace(
        sleep=sleep, Timeout=eventlet.Timeout))


def test_a_room_whose_history_never_comes_lets_the_others_have_their_turn(make, hipchat, pauses):
    bench = make(trigger(), trigger(room=OPS))
    reads = hipchat.reads.count(OPS)
    hipchat.broken.add(FACTOR)
    bench.history.request_check(FACTOR)
    wait_until(lambda: bench.let_pass(3000) or hipchat.reads.count(OPS) > reads + 1)
    assert bench.reported("doubtful") == 1
    assert hipchat.reads.count(FACTOR) < 50, "ever more rarely, since the other can be read"
    hipchat.broken.clear()
    wait_until(lambda: bench.let_pass(60) or not bench.reported("doubtful"))


def check_all_at_the_rate_limit(bench, hipchat):
    """Let HipChat refuse the first reading of all rooms; return the number of readings before."""
    hipchat.limited = 1
    bench.history.note_activity(FACTOR)
    reads = len(hipchat.reads)
    bench.history.request_check()
    wait_until(lambda: not hipchat.limited)
    return reads


def test_a_room_with_waiting_deliveries_is_first_again_after_hipchats_rate_limit(make, hipchat):
    bench = make(trigger(), trigger(room=OPS))
    reads = check_all_at_the_rate_limit(bench, hipchat)
    wait_until(lambda: bench.let_pass(1) or not bench.reported("doubtful"))
    assert hipchat.reads[reads:reads + 2] == [FACTOR, FACTOR]


def test_a_room_whose_new_delivery_waits_for_the_check_is_read_before_active_ones(make, hipchat):
    bench = make(trigger(), trigger(room=OPS))
    reads = check_all_at_the_rate_limit(bench, hipchat)
    bench.come(hipchat.say("quick", room=OPS), OPS)
    wait_until(lambda: bench.let_pass(1) or not bench.reported("doubtful"))
    assert hipchat.reads[reads:reads + 3] == [FACTOR, OPS, FACTOR]


def test_deliveries_that_are_lost_while_the_history_is_read_are_read_again(
        make, hipchat, monkeypatch):
    bench = make()
    bench.hear("before")
    bench.fails = True
    bench.come(hipchat.say("lost"))
    backfill = bench.history._backfill
    insert = backfill._insert

    def insert_and_lose(*args):
        monkeypatch.setattr(backfill, "_insert", insert)
        insert(*args)
        bench.spool._store._file.db.execute("DELETE FROM deliveries")  # as if it was damaged
        bench.spool._numbers.clear()
        bench.history.recheck_all()

    monkeypatch.setattr(backfill, "_insert", insert_and_lose)
    bench.history.request_check(FACTOR)
    wait_until(lambda: backfill._insert == insert)
    bench.fails = False
    wait_until(lambda: "lost" in bench.dispatched)


class TestNewRule:
    @pytest.fixture
    def bench(self, make):
        return make(trigger("notification"))

    def test_added_during_a_read_gets_no_message_posted_before_it(
            self, bench, hipchat, clock):
        hipchat.say("old")

        def during_read():
            clock.now += 1
            bench.subscriptions.add(trigger())

        hipchat.during_read = during_read
        bench.read_again()
        hipchat.say("new")
        bench.read_again()
        wait_until(lambda: bench.dispatched == ["new"])

    @pytest.mark.parametrize("seconds, expected", [
        (timing.CURSOR_KEPT, ["new"]), (timing.CURSOR_KEPT - 2, ["between", "new"])],
        ids=["long ago", "recent"])
    def test_gets_the_messages_since_an_old_one_only_if_that_is_recent(
            self, make, hipchat, seconds, expected):
        bench = make(trigger(), trigger("notification"))
        bench.subscriptions.remove(trigger())
        bench.let_pass(1)
        bench.read_again()
        hipchat.say("between")
        bench.let_pass(seconds)
        bench.subscriptions.add(trigger())
        hipchat.say("new")
        bench.read_again()
        wait_until(lambda: bench.dispatched == expected)

    def test_made_while_the_sensor_was_down_gets_no_message_posted_before_it(
            self, make, hipchat, clock):
        make(trigger("notification"))
        hipchat.say("old")
        hipchat.say("missed", kind="notification")
        clock.now += 1
        bench = make(trigger("notification"), trigger())
        hipchat.say("new")
        bench.read_again()
        wait_until(lambda: bench.dispatched == ["missed", "new"])

    def test_gets_the_messages_posted_since_it_was_made_though_the_sensor_was_down(
            self, bench, make, hipchat, clock):
        hipchat.say("old")
        bench.let_pass(1)
        bench.subscriptions.add(trigger())
        wait_until(lambda: not bench.history._schedule._is_changed)
        clock.now += 1
        hipchat.say("missed")
        clock.now += 1
        bench = make(trigger("notification"), trigger())
        wait_until(lambda: bench.dispatched == ["missed"])

    def test_gets_messages_posted_after_hipchats_clock_was_set_back(self, bench, hipchat):
        bench.subscriptions.add(trigger())
        bench.read_again()
        hipchat.say("one")
        hipchat.ahead = -3
        hipchat.say("two")
        bench.read_again()
        wait_until(lambda: bench.dispatched == ["one", "two"])

    def test_known_to_version_0_2_0_gets_what_was_missed(
            self, make, hipchat, clock, datastore, tmp_path):
        hipchat.say("received")
        make().stop()
        hipchat.say("missed")
        stored = {room: cursor[:2] for value in datastore.values()
                  for room, cursor in json.loads(value).items()}
        (tmp_path / "spool" / "marks.json").write_text(json.dumps(stored))
        datastore.clear()
        clock.now += 1
        bench = make(trigger(), trigger("notification"))
        wait_until(lambda: bench.dispatched == ["missed"])


class TestOld:
    """An item that an audit finds and that is older than catch_up."""

    @pytest.fixture
    def too_old(self, make):
        self.bench = make()

        def too_old():
            self.bench.read_again(requested=False)
            return self.bench.health.totals()["too old"]

        return too_old

    def test_counts_as_missed_where_nothing_was_received(self, too_old, hipchat, caplog):
        caplog.set_level(logging.INFO)
        hipchat.say("missed")
        assert too_old() == 1 and not self.bench.dispatched
        assert "1 are older than 3600 s" in caplog.text
        assert too_old() == 1

    def test_does_not_count_where_its_webhook_delivered_it(self, too_old, hipchat):
        self.bench.hear("received")
        assert too_old() == 0

    def test_does_not_count_where_a_webhook_delivered_it_during_the_read(
            self, too_old, hipchat, clock):
        def during_read():
            clock.now += 1
            self.bench.hear("received")
            clock.now += 1

        hipchat.during_read = during_read
        assert too_old() == 0
        assert too_old() == 0

    def test_does_not_count_where_it_waits_for_stackstorm(self, too_old, hipchat):
        self.bench.fails = True
        self.bench.come(hipchat.say("waits"))
        assert too_old() == 0
        self.bench.fails = False
        wait_until(lambda: self.bench.dispatched == ["waits"])

    def test_does_not_count_where_no_rule_needs_it(self, too_old, hipchat):
        hipchat.say("a notification", kind="notification")
        assert too_old() == 0


class TestPolled:
    """A quiet room without webhooks, polled more rarely than every catch_up seconds."""

    @pytest.fixture
    def ask(self, make, pauses, monkeypatch):
        def ask(seconds):
            monkeypatch.setattr("listening.timing.POLL_PERIOD_MIN", seconds)
            bench = make()
            bench.webhooks.is_history_only.return_value = True
            bench.let_pass(timing.AUDIT_QUIET_PERIOD)
            return bench

        return ask

    def test_is_received_from_poll_to_poll(self, ask, hipchat, caplog):
        bench = ask(CATCH_UP + 1)
        hipchat.during_read = lambda: hipchat.say("after the read")
        wait_until(lambda: bench.dispatched == ["after the read"])
        bench.history.note_activity(FACTOR)  # possibly later, as after its dispatch
        bench.history.subscriptions_changed()
        wait_until(lambda: not bench.history._schedule._is_changed)
        assert bench.health.report()["status"] == "ok" and not bench.health.report()["dropped"]
        assert "too rarely" not in caplog.text

    def test_is_a_problem_where_it_is_polled_more_rarely_than_seen_keys_are_kept(
            self, ask, hipchat):
        bench = ask(REMEMBERED + 1)
        hipchat.during_read = lambda: hipchat.say("after the read")
        wait_until(lambda: bench.health.report()["dropped"] == {"too old": 1})
        assert bench.health.report()["reasons"] == ["history: rooms are polled too rarely"]
        bench.webhooks.is_history_only.return_value = False
        wait_until(lambda: bench.health.report()["status"] == "ok")


def test_a_room_is_backfilled_when_hipchat_lists_at_last_that_a_rule_names_it(
        make, hipchat):
    make()
    hipchat.say("missed")
    bench = make(trigger(room="Factor"), trigger(room=OPS), rooms=[])
    bench.let_pass(timing.CURSOR_KEPT)
    bench.read_again(OPS)
    bench.tell(ROOMS)
    wait_until(lambda: bench.dispatched == ["missed"])


def test_a_polled_room_that_could_not_be_read_is_backfilled_later(make, hipchat, pauses):
    bench = make()
    bench.webhooks.is_history_only.return_value = True
    hipchat.forbidden.add(FACTOR)
    reads = len(hipchat.reads)
    bench.let_pass(timing.AUDIT_QUIET_PERIOD)
    wait_until(lambda: bench.let_pass(300) or len(hipchat.reads) > reads + 15)
    hipchat.say("missed")
    hipchat.forbidden.clear()
    wait_until(lambda: bench.let_pass(300) or bench.dispatched == ["missed"])
    assert not bench.health.report()["dropped"]


def test_deliveries_lost_by_a_damaged_spool_are_read_again_from_the_stored_cursor(make, hipchat):
    bench = make()
    bench.hear("dispatched")
    bench.fails = True
    for text in ("one", "two"):
        bench.come(hipchat.say(text))
        bench.read_again()
    bench.spool._store._file.db.execute(
        "UPDATE deliveries SET body = x'00' WHERE trace_tag = 'one'")
    bench.fails = False
    wait_until(lambda: bench.dispatched == ["dispatched", "one", "two"])
    assert bench.health.report()["reasons"] == ["spool: a damaged file was replaced"]


class TestTrouble:
    """The history of a room that may not be read."""

    @pytest.fixture
    def bench(self, make, hipchat):
        hipchat.forbidden.add(FACTOR)
        return make(trigger(), trigger(room=OPS))

    def test_is_not_tried_again_for_each_message(self, bench, hipchat):
        bench.hear("hello")
        for _ in range(2):
            bench.read_again(OPS)
        assert hipchat.reads.count(FACTOR) == 1
        bench.let_pass(1.0)
        wait_until(lambda: hipchat.reads.count(FACTOR) == 2)
        hipchat.forbidden.clear()
        bench.let_pass(2.0)
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_is_no_problem_any_more_when_the_room_is_forgotten(self, bench):
        assert bench.health.report()["reasons"] == [
            "history: a room's history cannot be read"]
        bench.subscriptions.remove(trigger())
        wait_until(lambda: bench.reported("rooms") == 1)
        bench.let_pass(timing.CURSOR_KEPT)
        wait_until(lambda: bench.health.report()["status"] == "ok")
