"""When the history of a room is looked at, and which of it is dispatched, by a clock of ours."""
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
    """Make a bench that listens in Factor, and look once; the next one is that after a restart."""
    made = []

    def make(*triggers, rooms=ROOMS):
        for bench in made:
            bench.stop()
        made[:] = [Bench(tmp_path / "spool", hipchat, clock, triggers or [trigger()], rooms,
                         datastore)]
        wait_until(lambda: made[0].told("rooms") and not made[0].told("doubtful"))
        return made[0]

    yield make
    for bench in made:
        bench.stop()


@pytest.mark.parametrize("doubt", [True, False], ids=["for a doubt", "though there is no doubt"])
def test_a_doubt_while_a_history_is_looked_at_is_kept_and_with_it_the_order(make, hipchat, doubt):
    bench = make()

    def meanwhile():
        hipchat.say("missed")
        bench.history.request_check(FACTOR)
        bench.come(hipchat.say("heard"))

    hipchat.meanwhile = meanwhile
    bench.look(doubt=doubt)
    wait_until(lambda: len(bench.dispatched) == 2)
    assert bench.dispatched == ["missed", "heard"]


@pytest.fixture
def pauses(clock, monkeypatch):
    """The pauses between calls pass by the clock alone."""
    def sleep(seconds):
        clock.now += seconds
        eventlet.sleep(0)

    monkeypatch.setattr(catching_up, "eventlet", SimpleNamespace(
        sleep=sleep, Timeout=eventlet.Timeout))


def test_a_room_whose_history_never_comes_lets_the_others_have_their_turn(make, hipchat, pauses):
    bench = make(trigger(), trigger(room=OPS))
    looks = hipchat.looks.count(OPS)
    hipchat.broken.add(FACTOR)
    bench.history.request_check(FACTOR)
    wait_until(lambda: bench.let_pass(3000) or hipchat.looks.count(OPS) > looks + 1)
    assert bench.told("doubtful") == 1
    assert hipchat.looks.count(FACTOR) < 50, "ever more rarely, since the other can be read"
    hipchat.broken.clear()
    wait_until(lambda: bench.let_pass(60) or not bench.told("doubtful"))


def test_a_room_that_is_waited_for_is_the_first_again_when_hipchats_limit_has_ended(make, hipchat):
    bench = make(trigger(), trigger(room=OPS))
    hipchat.limited = 1
    bench.history.note_activity(FACTOR)
    looks = len(hipchat.looks)
    bench.history.request_check()
    wait_until(lambda: not hipchat.limited)
    wait_until(lambda: bench.let_pass(1) or not bench.told("doubtful"))
    assert hipchat.looks[looks:looks + 2] == [FACTOR, FACTOR]


class TestNewRule:
    @pytest.fixture
    def bench(self, make):
        return make(trigger("notification"))

    def test_hears_nothing_that_was_said_before(self, bench, hipchat):
        hipchat.say("old")
        bench.let_pass(1)
        bench.subscriptions.add(trigger())
        hipchat.say("new")
        bench.look()
        wait_until(lambda: bench.dispatched == ["new"])
        assert bench.health.dropped == {}

    def test_hears_nothing_that_was_said_before_where_it_comes_in_the_midst_of_a_look(
            self, bench, hipchat, clock):
        hipchat.say("old")

        def meanwhile():
            clock.now += 1
            bench.subscriptions.add(trigger())

        hipchat.meanwhile = meanwhile
        bench.look()
        hipchat.say("new")
        bench.look()
        wait_until(lambda: bench.dispatched == ["new"])

    def test_hears_nothing_that_was_said_while_there_was_none_for_long(self, make, hipchat):
        bench = make(trigger(), trigger("notification"))
        bench.subscriptions.remove(trigger())
        bench.look()
        hipchat.say("old")
        bench.let_pass(timing.CURSOR_KEPT)
        bench.subscriptions.add(trigger())
        hipchat.say("new")
        bench.look()
        wait_until(lambda: bench.dispatched == ["new"])

    def test_hears_all_that_was_said_while_an_old_one_was_replaced(self, make, hipchat):
        bench = make(trigger(), trigger("notification"))
        bench.subscriptions.remove(trigger())
        bench.let_pass(1)
        hipchat.say("between")
        bench.let_pass(timing.CURSOR_KEPT - 2)
        bench.subscriptions.add(trigger())
        bench.look()
        wait_until(lambda: bench.dispatched == ["between"])

    def test_that_was_made_while_the_sensor_was_down_hears_nothing_that_was_said_before(
            self, make, hipchat, clock):
        make(trigger("notification"))
        hipchat.say("old")
        hipchat.say("missed", kind="notification")
        clock.now += 1
        bench = make(trigger("notification"), trigger())
        hipchat.say("new")
        bench.look()
        wait_until(lambda: bench.dispatched == ["missed", "new"])

    def test_hears_what_was_said_since_it_was_made_though_the_sensor_was_down(
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

    def test_hears_what_is_said_after_the_clock_of_hipchat_was_set_back(self, bench, hipchat):
        bench.subscriptions.add(trigger())
        bench.look()
        hipchat.say("one")
        hipchat.ahead = -3
        hipchat.say("two")
        bench.look()
        wait_until(lambda: bench.dispatched == ["one", "two"])

    def test_that_version_0_2_0_knew_hears_what_was_missed(
            self, make, hipchat, clock, datastore, tmp_path):
        hipchat.say("heard")
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
    """What an audit finds that is older than catch_up."""

    @pytest.fixture
    def too_old(self, make):
        self.bench = make()

        def too_old():
            self.bench.look(doubt=False)
            return self.bench.health.dropped["too old"]

        return too_old

    def test_was_missed_where_nothing_was_heard(self, too_old, hipchat, caplog):
        caplog.set_level(logging.INFO)
        hipchat.say("missed")
        assert too_old() == 1 and not self.bench.dispatched
        assert "1 are older than 3600 s" in caplog.text
        assert too_old() == 1

    def test_was_heard_where_somebody_was(self, too_old, hipchat):
        self.bench.hear("heard")
        assert too_old() == 0

    def test_was_heard_where_a_webhook_brought_it_while_a_look_was_under_way(
            self, too_old, hipchat, clock):
        def meanwhile():
            clock.now += 1
            self.bench.hear("heard")
            clock.now += 1

        hipchat.meanwhile = meanwhile
        assert too_old() == 0
        assert too_old() == 0

    def test_was_heard_where_it_waits_for_stackstorm(self, too_old, hipchat):
        self.bench.fails = True
        self.bench.come(hipchat.say("waits"))
        assert too_old() == 0
        self.bench.fails = False
        wait_until(lambda: self.bench.dispatched == ["waits"])

    def test_is_nothing_that_no_rule_wants(self, too_old, hipchat):
        hipchat.say("a notification", kind="notification")
        assert too_old() == 0


class TestAsked:
    """A quiet room without webhooks, which is asked more rarely than every catch_up seconds."""

    @pytest.fixture
    def ask(self, make, pauses, monkeypatch):
        def ask(seconds):
            monkeypatch.setattr("listening.timing.POLL_PERIOD_MIN", seconds)
            bench = make()
            bench.webhooks.is_history_only.return_value = True
            bench.let_pass(timing.AUDIT_QUIET_PERIOD)
            return bench

        return ask

    def test_is_heard_from_look_to_look(self, ask, hipchat, caplog):
        bench = ask(CATCH_UP + 1)
        hipchat.meanwhile = lambda: hipchat.say("after the look")
        wait_until(lambda: bench.dispatched == ["after the look"])
        bench.history.note_activity(FACTOR)  # perhaps after the pause, as it was dispatched then
        bench.history.subscriptions_changed()
        wait_until(lambda: not bench.history._schedule._is_changed)
        assert bench.health.report()["status"] == "ok" and not bench.health.dropped
        assert "too rarely" not in caplog.text

    def test_is_told_of_where_that_is_longer_than_it_is_known_what_was_heard(self, ask, hipchat):
        bench = ask(REMEMBERED + 1)
        hipchat.meanwhile = lambda: hipchat.say("after the look")
        wait_until(lambda: bench.health.dropped == {"too old": 1})
        assert bench.health.report()["reasons"] == ["history: rooms are polled too rarely"]
        bench.webhooks.is_history_only.return_value = False
        wait_until(lambda: bench.health.report()["status"] == "ok")


def test_what_a_room_missed_is_fetched_when_hipchat_tells_at_last_that_a_rule_names_it(
        make, hipchat):
    make()
    hipchat.say("missed")
    bench = make(trigger(room="Factor"), trigger(room=OPS), rooms=[])
    bench.let_pass(timing.CURSOR_KEPT)
    bench.look(OPS)
    bench.tell(ROOMS)
    wait_until(lambda: bench.dispatched == ["missed"])


def test_a_polled_room_that_could_not_be_read_tells_what_was_said_meanwhile(make, hipchat, pauses):
    bench = make()
    bench.webhooks.is_history_only.return_value = True
    hipchat.forbidden.add(FACTOR)
    looks = len(hipchat.looks)
    bench.let_pass(timing.AUDIT_QUIET_PERIOD)
    wait_until(lambda: bench.let_pass(300) or len(hipchat.looks) > looks + 15)
    hipchat.say("meanwhile")
    hipchat.forbidden.clear()
    wait_until(lambda: bench.let_pass(300) or bench.dispatched == ["meanwhile"])
    assert not bench.health.dropped


def test_what_a_damaged_spool_lost_is_read_again_from_where_all_was_dispatched(make, hipchat):
    bench = make()
    bench.hear("dispatched")
    bench.fails = True
    for text in ("one", "two"):
        bench.come(hipchat.say(text))
        bench.look()
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
            bench.look(OPS)
        assert hipchat.looks.count(FACTOR) == 1
        bench.let_pass(1.0)
        wait_until(lambda: hipchat.looks.count(FACTOR) == 2)
        hipchat.forbidden.clear()
        bench.let_pass(2.0)
        wait_until(lambda: bench.health.report()["status"] == "ok")

    def test_is_no_trouble_any_more_when_the_room_is_forgotten(self, bench):
        assert bench.health.report()["reasons"] == [
            "history: a room's history cannot be read"]
        bench.subscriptions.remove(trigger())
        wait_until(lambda: bench.told("rooms") == 1)
        bench.let_pass(timing.CURSOR_KEPT)
        wait_until(lambda: bench.health.report()["status"] == "ok")
