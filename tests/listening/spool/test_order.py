"""The order of a room's queue: that of the history, in whatever order deliveries arrive."""
import logging

import eventlet
import pytest
from support.dispatching import make_spool
from support.waiting import wait_until

from hipchat.api.room_history import read_items
from listening import timing
from listening.dispatch.room_queues import RoomQueues
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor
from listening.spool import SpoolError
from listening.spool.delivery_factory import from_history, from_webhook

ROOM, OTHER = 1001, 1002
LOG = logging.getLogger("order")
NOW = 1.5e9


def item(text, sent_at=None):
    """An item of the history. "a" is sent a second before "b"."""
    found, = read_items([{"id": text, "type": "message", "from": {"id": 1, "name": "Ann"},
                          "date": NOW + ord(text[0]) if sent_at is None else sent_at,
                          "message": text}])
    return found


class Bench:
    """A spool and its room queues; dispatched: the texts, in order. fails: StackStorm is away."""

    def __init__(self, directory):
        self.dispatched, self.fails = [], False
        health = Health(LOG)
        self.spool = make_spool(directory, health)
        self.queues = RoomQueues(self.spool, self._deliver, health, LOG)
        self._supervisor = Supervisor(health)

    def start(self):
        self.queues.start(self._supervisor)

    def stop(self):
        """End, as by a kill."""
        self.queues.finish()
        self.spool.settle()
        self.spool._store.close()

    def _deliver(self, delivery, triggers):
        if self.fails:
            raise ConnectionError("away")
        self.dispatched.append(delivery.trace_tag)

    def receive(self, *texts, **dates):
        """What webhooks bring; whether each was stored."""
        stored = []
        for text in texts:
            message = dict(item(text, dates.get(text)).body)
            stored.append(self.spool.insert(from_webhook(
                event="room_message", room_id=ROOM, raw=b"{}", body={"item": {"message": message}},
                now=NOW + 1000)))
            self.queues.notify(ROOM)
        return stored

    def backfill(self, *texts, room_id=ROOM, **dates):
        """What the history brings; whether each was stored."""
        results = self.spool.insert_together([
            from_history("room_message", room_id, b"{}", {"item": {}}, item(text, dates.get(text)))
            for text in texts])
        for result in results:
            if isinstance(result, SpoolError):
                raise result
        self.queues.notify(room_id)
        return results

    def topic(self, text, sent_at, message_id=None):
        """A change of the topic, by a webhook or (with an ID) from the history."""
        body = {"item": {"topic": text}}
        if message_id is None:
            return self.spool.insert(from_webhook(
                event="room_topic_change", room_id=ROOM, raw=b"{}", body=body, now=sent_at))
        return self.spool.insert(from_history("room_topic_change", ROOM, b"{}", body,
                                              item(message_id, sent_at)))

    def all_dispatched(self):
        self.queues.resume(ROOM)
        wait_until(lambda: not self.spool.waiting)
        return "".join(self.dispatched)


@pytest.fixture
def make(tmp_path, tasks):
    """Make a bench; the next one finds what the one before had on disk, as after a kill."""
    made = []

    def make():
        for bench in made:
            bench.stop()
        made[:] = [Bench(tmp_path / "spool")]
        return made[0]

    yield make
    made[0].stop()


@pytest.fixture
def bench(make):
    """One whose room is paused."""
    bench = make()
    bench.queues.pause(ROOM)
    bench.start()
    return bench


def test_a_backfilled_delivery_goes_before_a_later_one_that_waits(bench):
    assert bench.receive("c", "d") == [True, True]
    assert bench.backfill("a", "b", "c", "d") == [True, True, False, False]
    assert bench.all_dispatched() == "abcd"


def test_a_kill_in_the_middle_changes_no_order(make):
    bench = make()
    bench.receive("c")
    bench.backfill("a")  # b was not reached
    bench = make()
    bench.queues.pause(ROOM)
    bench.start()
    bench.receive("e")
    assert bench.backfill("a", "b", "c", "d", "e") == [False, True, False, True, False]
    assert bench.all_dispatched() == "abcde"


def test_a_delivery_that_the_history_brought_first_is_a_duplicate(bench):
    bench.receive("b", "e")
    assert bench.backfill("a", "b", "c", "d", "e") == [True, False, True, True, False]
    assert bench.receive("d") == [False]
    assert bench.all_dispatched() == "abcde"


def test_a_live_delivery_never_goes_before_an_earlier_live_one(bench):
    bench.receive("d", "b", "c")
    bench.backfill("a", "b", "c", "d")
    assert bench.all_dispatched() == "adbc"


def test_two_of_the_same_microsecond_keep_the_order_of_arrival(bench):
    bench.receive("d", "c", "b", d=NOW, c=NOW, b=NOW)
    assert bench.all_dispatched() == "dcb"


def test_a_missed_one_of_the_same_microsecond_goes_where_the_history_lists_it(bench):
    bench.receive("c", "d", "z", c=NOW, d=NOW, z=NOW)
    bench.backfill("a", "b", "c", "d", "y", "z", **dict.fromkeys("abcdyz", NOW))
    assert bench.all_dispatched() == "abcdyz"


def test_a_clock_that_was_set_back_changes_no_order_of_the_history(bench):
    bench.receive("c", "f", c=NOW - 2, f=NOW - 1)
    bench.backfill("a", "b", "c", "d", "e", "f", "g", a=NOW, b=NOW + 0.5, c=NOW - 2, d=NOW - 1.9,
                   e=NOW - 1.8, f=NOW - 1, g=NOW - 0.5)
    assert bench.all_dispatched() == "abcdefg"


def test_a_clock_that_was_set_back_while_nothing_was_received_changes_no_order(bench):
    bench.receive("d", d=NOW - 2)
    bench.backfill("a", "b", "c", "d", a=NOW, b=NOW + 0.5, c=NOW - 3, d=NOW - 2)
    bench.backfill("e", e=NOW - 2.5)
    assert bench.all_dispatched() == "abcde"


def test_a_live_delivery_that_follows_a_set_back_clock_goes_last(bench):
    bench.receive("a", "b", "c", a=NOW, b=NOW - 3, c=NOW - 2)
    assert bench.all_dispatched() == "abc"


@pytest.mark.parametrize("date", ["0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
                                  -1e300, 1e300, 10 ** 400, "", None, [], True])
def test_any_date_finds_a_place(bench, date):
    message = {"id": "odd", "date": date, "message": "odd"}
    bench.receive("a")
    assert bench.spool.insert(from_webhook(
        event="room_message", room_id=ROOM, raw=b"{}", body={"item": {"message": message}},
        now=NOW)) is True
    bench.receive("z")
    bench.backfill("y", y=0.0)
    assert [text for text in (bench.all_dispatched(), bench.dispatched)[1] if text != "y"] == [
        "a", "odd", "z"]


def test_a_delivery_that_came_while_the_pause_began_is_not_passed(make):
    bench = make()
    bench.start()
    coming = eventlet.spawn(bench.receive, "b")
    eventlet.sleep(0)  # it waits for the disk
    bench.queues.pause(ROOM)
    assert bench.backfill("a", "b", "c")[0] is True
    coming.wait()
    bench.receive("c")
    assert bench.all_dispatched() == "abc"


def test_an_older_one_than_what_was_dispatched_goes_next(make):
    bench = make()
    bench.start()
    bench.receive("b")
    assert bench.all_dispatched() == "b"
    bench.queues.pause(ROOM)
    bench.receive("c")
    assert bench.backfill("a", "b", "c") == [True, False, False]
    assert bench.all_dispatched() == "bac"


def test_one_that_failed_half_way_is_dispatched_after_one_that_was_backfilled_before_it(
        bench, monkeypatch):
    monkeypatch.setattr(timing, "DISPATCH_RETRY_MAX", 0.01)
    delivered = []

    def deliver(delivery, dispatched_to):
        delivered.append((delivery.trace_tag, sorted(dispatched_to)))
        if bench.fails and delivery.trace_tag == "b":
            dispatched_to.add("trigger")
            raise ConnectionError("away")

    bench.queues._deliver, bench.fails = deliver, True
    bench.receive("b")
    bench.queues.resume(ROOM)
    wait_until(lambda: delivered)
    bench.backfill("a", "b")
    bench.fails = False
    bench.all_dispatched()
    assert delivered == [("b", []), ("a", []), ("b", ["trigger"])]


@pytest.mark.parametrize("paused", [True, False])
def test_nothing_is_stored_after_what_could_not_be(make, monkeypatch, paused):
    """A disk may be full, and a moment later not."""
    bench = make()
    if paused:
        bench.queues.pause(ROOM)
    commit, outcomes = bench.spool._store.commit, iter([SpoolError("full")])

    def failing(groups, removals):
        for error in outcomes if groups else ():
            raise error
        return commit(groups, removals)

    monkeypatch.setattr(bench.spool._store, "commit", failing)
    with pytest.raises(SpoolError):
        bench.backfill(*"abcde")
    assert bench.spool.waiting == 0
    assert bench.backfill(*"abcde") == 5 * [True]
    bench.start()
    assert bench.all_dispatched() == "abcde"


def test_rooms_do_not_get_into_each_others_way(bench):
    bench.receive("z")
    same = dict.fromkeys("xy", NOW + ord("z"))
    bench.queues.pause(OTHER)
    assert bench.backfill("x", "y", room_id=OTHER, **same) == [True, True]
    assert bench.backfill("v", "w", "z", v=NOW + ord("z"), w=NOW + ord("z")) == [True, True, False]
    numbers = sum(bench.spool._numbers.values(), [])
    assert len(set(numbers)) == 5
    bench.queues.resume(OTHER)
    assert bench.all_dispatched().replace("x", "").replace("y", "") == "vwz"


class TestTopic:
    """A change of the topic has no ID when a webhook brings it, and has one in the history."""

    @pytest.mark.parametrize("apart", [0.0, 119.0])
    def test_is_known_whichever_comes_first(self, bench, apart):
        assert bench.topic("Lunch", NOW) is True
        assert bench.topic("Lunch", NOW + apart, "1") is False
        assert bench.topic("Tea", NOW, "2") is True
        assert bench.topic("Tea", NOW + apart) is False

    def test_that_was_set_back_soon_is_another_one(self, bench):
        topics = ["maintenance", "open", "maintenance", "open"]
        for number, topic in enumerate(topics):
            assert bench.topic(topic, NOW + number, f"missed {number}") is True
        for number, topic in enumerate(topics):
            assert bench.topic(topic, NOW + number, f"missed {number}") is False, "it is known"

    def test_is_one_of_several_alike_for_each_that_a_webhook_brought(self, bench):
        assert [bench.topic("open", NOW + each) for each in range(2)] == [True, True]
        assert [bench.topic("open", NOW + each, str(each)) for each in range(3)] == [
            False, False, True]

    def test_is_known_by_its_id_after_it_was_dispatched(self, bench):
        bench.topic("open", NOW)
        assert bench.topic("open", NOW, "1") is False
        bench.queues.notify(ROOM)
        bench.all_dispatched()
        bench.spool.settle()
        assert bench.topic("open", NOW, "1") is False
