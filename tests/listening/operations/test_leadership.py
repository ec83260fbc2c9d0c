"""One of several sensors is the active one; the others stand by and take over."""
import contextlib
import socket
import sys
from types import SimpleNamespace

import eventlet
import pytest
from support.context import LOG
from support.waiting import wait_until

from listening import timing
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.operations.leadership import Leadership, SoleSensor
from listening.operations.roster import ACTIVE, STANDBY, Roster


class Lock:
    """The CoordinationLock of one sensor; is_cut_off: this sensor alone does not reach it."""

    def __init__(self, service):
        self.service, self.is_cut_off = service, False

    def _ask(self):
        if self.service.is_away or self.is_cut_off:
            raise ConnectionError("no route")
        return self.service

    def acquire(self):
        if self._ask().owner is None:
            self.service.owner = self
            return True
        return False

    def renew(self):
        return self.is_owned()

    def is_owned(self):
        return self._ask().owner is self

    def release(self):
        if self.is_owned():
            self.service.owner = None


class Sensor:
    """The leadership of one sensor, run in a greenlet."""

    def __init__(self, service, roster):
        self.health = Health(LOG)
        self.lock = Lock(service)
        self.can_dispatch = True
        takeovers, self.checks = [], []
        self.taken_over = []  # for each activation, whether take_over() was called before it
        self.leadership = Leadership(self.lock, roster, lambda: self.can_dispatch, self.health)
        self.task = eventlet.spawn(
            self.leadership.run, take_over=lambda: takeovers.append(1),
            activate=lambda: self.taken_over.append(bool(takeovers)),
            request_check=lambda: self.checks.append(1))

    def may_dispatch(self):
        with contextlib.suppress(ServiceUnavailable):
            self.leadership.check()
            return True
        return False


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in {"LOCK_TIMEOUT": 1.5, "LOCK_MARGIN": 0.3, "LOCK_RENEWAL_PERIOD": 0.02,
                          "LOCK_ATTEMPT_PERIOD": 0.02, "STANDBY_PERIOD": 0.02,
                          "SENSOR_SEEN_KEPT": 0.9, "STANDBY_SEEN_KEPT": 0.2,
                          "BROKER_LOST_DELAY": 0.3}.items():
        monkeypatch.setattr(timing, name, seconds)


@pytest.fixture
def service():
    """A coordination service in memory: who owns the lock, and whether it can be reached."""
    return SimpleNamespace(owner=None, is_away=False)


@pytest.fixture
def datastore():
    return {}


@pytest.fixture
def roster_of(datastore, tmp_path):
    """Make the roster of a sensor, which has a spool directory of its own."""
    def roster_of(name):
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        return Roster(datastore.get, datastore.__setitem__, str(directory))

    return roster_of


@pytest.fixture
def start(service, roster_of):
    sensors = []

    def start(name):
        sensors.append(Sensor(service, roster_of(name)))
        return sensors[-1]

    yield start
    for sensor in sensors:
        sensor.task.kill()


@pytest.fixture
def first(start):
    """The active sensor."""
    sensor = start("first")
    wait_until(sensor.may_dispatch)
    return sensor


def test_the_first_is_active_and_the_second_stands_by(first, start):
    second = start("second")
    eventlet.sleep(0.1)
    assert (first.leadership.role, second.leadership.role) == ("active", "standby")
    assert first.taken_over == [False] and second.taken_over == []
    assert first.may_dispatch() and not second.may_dispatch()


def test_the_second_takes_over_when_the_lock_of_the_first_has_ended(first, start, service):
    second = start("second")
    first.task.kill()
    service.owner = None  # as by its time-out
    wait_until(second.may_dispatch)
    assert second.taken_over == [True]


def test_a_takeover_that_was_not_completed_is_repeated(first, start, service, roster_of):
    first.task.kill()
    service.owner = None
    killed = Leadership(Lock(service), roster_of("second"), lambda: True, Health(LOG))
    with pytest.raises(SystemExit):
        killed.run(take_over=sys.exit, activate=list, request_check=list)
    service.owner = None
    second = start("second")
    wait_until(second.may_dispatch)
    assert second.taken_over == [True]


def test_one_that_was_stopped_for_a_while_finds_another_active_and_ends(first, start, service):
    first.lock.is_cut_off = True
    service.owner = None
    second = start("second")
    wait_until(second.may_dispatch)
    first.lock.is_cut_off = False
    assert not first.may_dispatch()
    first.task.wait()
    assert first.leadership.role == "standby"


def test_a_lock_that_no_other_sensor_took_is_taken_again_without_a_takeover(first, service):
    service.owner = None  # the service was emptied
    assert not first.may_dispatch()
    wait_until(first.may_dispatch)
    assert first.taken_over == [False]


def test_another_that_was_active_for_a_moment_only_is_noticed_too(first, service, roster_of):
    roster_of("second").announce(ACTIVE)
    service.owner = None
    first.task.wait()
    assert first.leadership.role == "standby"


def test_without_the_service_dispatching_ends_before_the_lock_does(first, service):
    service.is_away = True
    assert not first.may_dispatch()
    wait_until(lambda: first.health.has_problem("coordination"))
    assert first.leadership.role == "active"  # no other sensor can be
    wait_until(lambda: not first.leadership.is_current)
    assert not first.checks
    service.is_away = False
    wait_until(first.may_dispatch)
    wait_until(lambda: first.checks)  # it accepted nothing for a while
    wait_until(lambda: not first.health.has_problem("coordination"))


def test_the_deadline_holds_though_the_service_still_names_this_sensor(first, service):
    first.task.kill()  # nothing renews the lock, as in a paused machine
    wait_until(lambda: not first.may_dispatch())
    assert service.owner is first.lock


def test_an_active_sensor_without_a_broker_makes_way_for_one_that_has_it(first, start):
    first.health.set_problem("broker", "away", "Check it.")
    first.can_dispatch = False
    eventlet.sleep(0.5)
    assert first.may_dispatch()  # no other sensor is there
    second = start("second")
    wait_until(second.may_dispatch)
    first.task.wait()
    assert second.taken_over == [True]


def test_an_outage_of_the_broker_for_both_changes_no_role(first, start):
    second = start("second")
    for _ in range(2):
        first.can_dispatch = second.can_dispatch = False
        first.health.set_problem("broker", "away", "Check it.")
        eventlet.sleep(0.6)
        assert first.may_dispatch() and second.taken_over == []
        first.can_dispatch = second.can_dispatch = True
        first.health.clear_problem("broker")
        eventlet.sleep(0.1)  # in which the standby announces itself again


def test_without_coordination_a_second_sensor_is_reported(roster_of):
    def sole(name):
        health = Health(LOG)
        return health, eventlet.spawn(
            SoleSensor(roster_of(name), health).run, take_over=lambda: None,
            activate=lambda: None, request_check=lambda: None)

    health, task = sole("first")
    eventlet.sleep(0.3)
    assert not health.has_problem("coordination")
    other_health, other_task = sole("second")
    wait_until(lambda: health.has_problem("coordination"))
    wait_until(lambda: other_health.has_problem("coordination"))
    assert socket.gethostname() in " ".join(health.details())
    other_task.kill()
    wait_until(lambda: not health.has_problem("coordination"))
    task.kill()


@pytest.mark.parametrize("record", ["", "[]", "{", '{"sensor": 3}'])
def test_a_record_that_no_sensor_wrote_counts_as_another_sensor(record, datastore, roster_of):
    datastore[ACTIVE] = record
    roster = roster_of("first")
    assert roster.another_is_active() and not roster.is_alive(STANDBY, 9.0)
    roster.announce(ACTIVE)
    assert not roster.another_is_active()
