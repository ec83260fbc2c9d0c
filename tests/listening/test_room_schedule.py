"""Which room is served next, by a clock of ours."""
import eventlet
import pytest
from support.clock import Clock

from listening import room_schedule, timing
from listening.room_schedule import RoomSchedule

FACTOR, OPS, SALES = 1001, 1002, 1003
RETRY_MAX = 4.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(room_schedule, "time", clock)
    return clock


@pytest.fixture
def urgent():
    """Rooms that come before others."""
    return set()


@pytest.fixture
def schedule(clock, urgent):
    schedule = RoomSchedule(RETRY_MAX, priority=lambda room_id: room_id not in urgent)
    for room_id in (FACTOR, OPS, SALES):
        schedule.add(room_id)
    return schedule


def serve(schedule, period=60.0):
    """The rooms that are due, each served with success."""
    served = []
    while True:
        room_id = schedule.next()
        if room_id is None:
            return served
        served.append(room_id)
        schedule.succeeded(room_id, period)


def test_a_new_room_is_due_immediately_and_then_after_its_period(schedule, clock):
    assert serve(schedule) == [FACTOR, OPS, SALES]
    clock.now += 59
    assert serve(schedule) == []
    clock.now += 1
    assert serve(schedule) == [FACTOR, OPS, SALES]


def test_the_room_with_the_lowest_priority_comes_first_and_then_the_longest_due(
        schedule, clock, urgent):
    for room_id, due_in in ((FACTOR, 3), (OPS, 2), (SALES, 1)):
        schedule.set_due(room_id, clock.now + due_in)
    clock.now += 3
    urgent.add(OPS)
    assert serve(schedule) == [OPS, SALES, FACTOR]


def test_the_order_is_kept_until_something_is_requested(schedule, clock):
    serve(schedule)
    clock.now += 60
    assert schedule.next() == FACTOR
    schedule.set_due(SALES, 1.0)
    assert schedule.next() == OPS
    schedule.succeeded(OPS, 60)
    schedule.request(OPS)
    assert schedule.next() == OPS


def test_the_order_is_worked_out_again_after_a_while(schedule, clock, urgent):
    assert schedule.next() == FACTOR
    urgent.add(SALES)
    clock.now += timing.ROOM_ORDER_KEPT
    assert schedule.next() == SALES


def test_a_room_that_fails_is_tried_again_after_pauses_that_grow(schedule, clock):
    schedule.remove(OPS)
    schedule.remove(SALES)
    pauses = []
    for _ in range(5):
        schedule.request(FACTOR)
        assert schedule.next() == FACTOR
        schedule.failed(FACTOR)
        pauses.append(schedule.due_at(FACTOR) - clock.now)
    assert pauses == [1, 2, 4, 4, 4]
    clock.now += 4
    assert schedule.next() == FACTOR
    schedule.succeeded(FACTOR, 60)
    clock.now += 60
    assert schedule.next() == FACTOR
    schedule.failed(FACTOR)
    assert schedule.due_at(FACTOR) == clock.now + 1
    clock.now += 1
    assert schedule.next() == FACTOR
    schedule.failed(FACTOR, at_least=30)
    assert schedule.due_at(FACTOR) == clock.now + 30


def test_a_request_for_a_room_that_is_being_served_is_kept(schedule, clock):
    assert schedule.next() == FACTOR
    schedule.request(FACTOR)
    schedule.succeeded(FACTOR, 60)
    assert schedule.next() == FACTOR
    schedule.set_due_by(FACTOR, clock.now + 5)
    schedule.failed(FACTOR, at_least=60)
    assert schedule.due_at(FACTOR) == clock.now + 5


def test_a_room_whose_service_was_cut_off_comes_again(schedule, clock):
    assert schedule.next() == FACTOR
    assert serve(schedule) == [OPS, SALES]
    clock.now += RETRY_MAX
    assert serve(schedule) == [FACTOR]


def test_a_room_that_was_removed_is_not_served(schedule):
    assert schedule.next() == FACTOR
    schedule.remove(OPS)
    assert OPS not in schedule and serve(schedule) == [SALES]


def test_a_room_that_is_added_again_is_not_due_again(schedule):
    serve(schedule)
    schedule.add(FACTOR)
    assert serve(schedule) == []


class TestWaiting:
    def test_ends_when_a_room_is_due(self, schedule, clock):
        serve(schedule, period=0.01)
        with eventlet.Timeout(20):
            schedule.wait(60)

    def test_ends_after_the_limit(self, schedule):
        serve(schedule)
        with eventlet.Timeout(20):
            schedule.wait(0.01)

    def test_ends_immediately_for_an_earlier_request(self, schedule):
        serve(schedule)
        schedule.request(OPS)
        with eventlet.Timeout(20):
            schedule.wait(60)
        assert serve(schedule) == [OPS]

    def test_ends_for_a_request_during_the_wait(self, schedule):
        serve(schedule)
        eventlet.spawn(schedule.request, SALES)
        with eventlet.Timeout(20):
            schedule.wait_for_wake()
        assert serve(schedule) == [SALES]
