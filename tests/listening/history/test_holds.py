"""Where what was missed goes among the deliveries that wait."""
import itertools
import logging
from unittest import mock

import eventlet
import pytest

from hipchat.api.room_history import read_items
from listening.operations.health import Health
from listening.history.holds import Holds
from listening.dispatch.room_queues import RoomQueues
from listening.spool import Arrival, Spool, SpoolError
from listening.operations.supervisor import Supervisor

ROOM, LANE = 1001, "1001"
LOG = logging.getLogger("holds")


def arrival(text):
    return Arrival(event="room_message", room=LANE, lane=LANE, message="key of " + text, trace=text,
                   body=b"{}")


class Bench:
    """A spool, its lanes, and holds; dispatched: the texts, in order."""

    def __init__(self, directory):
        self.dispatched, self.fails = [], False
        health = Health(LOG)
        self.spool = Spool(str(directory), 1000, LOG.warning)
        self.spool.open()
        self.lanes = RoomQueues(self.spool, self._deliver, health)
        self.holds = Holds(self.spool, self.lanes, LOG)
        self._supervisor = Supervisor(health)

    def start(self):
        self.lanes.start(self._supervisor)

    def _deliver(self, delivery, told):
        if self.fails:
            raise ConnectionError("away")
        self.dispatched.append(delivery.trace)

    def come(self, *texts):
        """What webhooks bring."""
        for text in texts:
            with self.holds.arriving(arrival(text)):
                self.spool.put(arrival(text))
            self.lanes.notify(LANE)

    def fetch(self, *texts):
        """What the history holds; whether each had not been heard."""
        return self.holds.put(ROOM, read_items([{"id": text} for text in texts]),
                              list(map(arrival, texts)))

    def all_dispatched(self):
        with eventlet.Timeout(5):
            while self.spool.waiting:
                eventlet.sleep(0.01)
        return self.dispatched


@pytest.fixture
def make(tmp_path, tasks):
    """Make a bench; the next one finds what the one before had on disk, as after a kill."""
    made = []

    def make():
        for bench in made:
            bench.spool._store.close()
        made.append(Bench(tmp_path / "spool"))
        return made[-1]

    yield make
    made[-1].spool._store.close()


def test_it_goes_before_what_came_while_the_room_was_on_hold(make):
    bench = make()
    bench.holds.hold([ROOM])
    bench.start()
    bench.come("c", "d")
    assert bench.fetch("a", "b", "c", "d") == [True, True]
    bench.holds.release(ROOM)
    assert bench.all_dispatched() == ["a", "b", "c", "d"]


def test_it_goes_where_it_belongs_after_a_kill_in_the_middle_of_that(make):
    bench = make()
    bench.holds.hold([ROOM])
    bench.come("c")
    assert bench.fetch("a") == [True]  # b was not reached
    bench = make()
    bench.holds.hold([ROOM])
    bench.start()
    bench.come("e")
    assert bench.fetch("a", "b", "c", "d", "e") == [False, True, False, True]
    bench.holds.release(ROOM)
    assert bench.all_dispatched() == ["a", "b", "c", "d", "e"]


def test_what_follows_a_delivery_that_came_is_left_to_its_webhook(make):
    bench = make()
    bench.holds.hold([ROOM])
    bench.come("b")
    assert bench.fetch("a", "b", "c") == [True]
    bench.holds.release(ROOM)
    assert bench.fetch("b", "c") == [False, True], "or is put behind, if none brought it"


def test_it_is_not_put_before_what_was_on_its_way_to_the_disk_when_the_hold_began(make):
    bench = make()
    bench.start()
    coming = eventlet.spawn(bench.come, "b")
    eventlet.sleep(0)  # it waits for the disk
    bench.holds.hold([ROOM])
    assert bench.fetch("a", "b", "c")[0] is True
    coming.wait()
    bench.come("c")
    bench.holds.release(ROOM)
    assert bench.all_dispatched() == ["a", "b", "c"]


def test_a_room_does_not_wait_where_the_disk_cannot_keep_what_it_missed_apart(make, monkeypatch):
    bench = make()
    bench.start()
    monkeypatch.setattr(bench.spool, "begin_epoch", mock.Mock(side_effect=SpoolError("full")))
    bench.holds.hold([ROOM])
    bench.come("a")
    assert bench.all_dispatched() == ["a"] and bench.fetch("a", "b") == [False, True]


def test_what_was_refused_is_no_delivery_that_came(make, monkeypatch):
    bench = make()
    bench.holds.hold([ROOM])
    bench.start()
    put = bench.spool.put
    monkeypatch.setattr(bench.spool, "put", mock.Mock(side_effect=SpoolError("full")))
    with pytest.raises(SpoolError):
        bench.come("a")
    monkeypatch.setattr(bench.spool, "put", put)
    bench.come("b")
    assert bench.fetch("a", "b") == [True]
    bench.holds.release(ROOM)
    assert bench.all_dispatched() == ["a", "b"]


@pytest.mark.parametrize("on_hold", [True, False])
def test_nothing_is_kept_after_what_could_not_be(make, monkeypatch, on_hold):
    """A disk may be full, and a moment later not."""
    monkeypatch.setattr("listening.history.holds.AT_ONCE", 2)
    bench = make()
    if on_hold:
        bench.holds.hold([ROOM])
    commit, outcomes = bench.spool._store.commit, iter([SpoolError("full")])

    def failing(arrivals, removals):
        for error in outcomes if arrivals else ():
            raise error
        return commit(arrivals, removals)

    monkeypatch.setattr(bench.spool._store, "commit", failing)
    with pytest.raises(SpoolError):
        bench.fetch("a", "b", "c", "d", "e")
    assert bench.spool.waiting == 0
    assert bench.fetch("a", "b", "c", "d", "e") == 5 * [True]
    bench.start()
    bench.holds.release(ROOM)
    assert bench.all_dispatched() == ["a", "b", "c", "d", "e"]


def test_it_is_never_put_where_a_lane_has_passed(make):
    bench = make()
    bench.holds.hold([ROOM])
    bench.come("a", "c")
    bench = make()
    bench.start()
    bench.fails = True
    with eventlet.Timeout(5):
        while not bench.lanes.begun(LANE):
            eventlet.sleep(0.01)
    bench.holds.hold([ROOM])
    assert bench.fetch("b", "a") == [], "a has begun, and b is late"
    bench.fails = False
    bench.holds.release(ROOM)
    assert bench.fetch("b") == [True]
    assert set(bench.all_dispatched()) == {"a", "b", "c"}


def test_rooms_on_hold_do_not_get_into_each_others_way(make):
    bench = make()
    bench.holds.hold([ROOM, 1002])
    bench.come("z")
    other = [arrival(text)._replace(lane="1002", message=text) for text in "xy"]
    assert bench.holds.put(1002, read_items([{"id": "x"}, {"id": "y"}]), other) == [True, True]
    assert bench.fetch("v", "w", "z") == [True, True]
    numbers = list(itertools.chain(bench.spool.numbers(LANE).values(),
                                   bench.spool.numbers("1002").values()))
    assert len(set(numbers)) == 5
