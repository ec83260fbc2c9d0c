"""Lets one of several sensors be the active one, by a lock in StackStorm's coordination service."""
import time
from typing import Any, Callable, Optional

import eventlet

from listening import timing
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.operations.roster import ACTIVE, STANDBY, Roster

__all__ = ["Leadership", "SoleSensor"]


class Leadership:
    """Decides whether this sensor is the active one: the sensor that owns the lock.

    The active sensor accepts deliveries, polls and dispatches; other sensors stand by. A sensor
    that was stopped or disconnected may not notice that its lock has expired. So before each
    dispatch, check() calls the coordination service, and compares the time with a deadline: the
    last successful renewal plus the lock's timeout, less a margin.

    Attributes:
        role: "active" until this sensor releases the lock or another sensor gets it; otherwise
            "standby".
        settle_delay: the seconds to wait, once active, before histories are read.
    """

    def __init__(self, lock: Any, roster: Roster, can_dispatch: Callable[[], bool],
                 health: Health):
        """Args:
            lock: a CoordinationLock (stackstorm/coordination.py).
            can_dispatch: returns whether this machine can reach StackStorm's broker now.
        """
        self._lock, self._roster, self._health = lock, roster, health
        self._can_dispatch = can_dispatch
        self._deadline = 0.0  # time.monotonic() up to which dispatching is allowed
        self._broker_lost_at: Optional[float] = None
        self.role = "standby"
        self.settle_delay = timing.BALANCER_DELAY

    @property
    def is_current(self) -> bool:
        """True if this is the active sensor, by the last renewal of the lock (no call is made)."""
        return self.role == "active" and time.monotonic() < self._deadline

    def run(self, take_over: Callable[[], None], activate: Callable[[], None],
            request_check: Callable[[], None]) -> None:
        """Wait for the lock, be the active sensor, and return when another sensor is active.

        Args:
            take_over: called before activate() if another sensor has been active since this sensor
                was active last.
            activate: called when this sensor is the active one.
            request_check: reads the histories; called when this sensor accepts deliveries again
                after an interruption.
        """
        self._wait_for_lock()
        self._begin(take_over)
        self.role = "active"
        activate()
        while True:
            was_current = self.is_current
            if not self._keep_lock():
                break
            if self.is_current and not was_current:
                request_check()
            eventlet.sleep(timing.LOCK_RENEWAL_PERIOD)
        self.role = "standby"

    def check(self) -> None:
        """Raise ServiceUnavailable unless this sensor owns the lock, and so can dispatch now."""
        reason = "the lock has expired"
        try:
            is_owned = time.monotonic() < self._deadline and self._lock.is_owned()
        except Exception as error:
            is_owned, reason = False, f"{error!r:.300}"
        if not is_owned or time.monotonic() >= self._deadline:
            raise ServiceUnavailable(
                "coordination", "this sensor may not dispatch now", "Another sensor may be active. "
                f"Deliveries wait until this sensor has the lock again: {reason}")

    def resign(self) -> None:
        """Stop being active, and release the lock, so that a standby can take over at once."""
        self._deadline = 0.0
        self.role = "standby"
        try:
            self._lock.release()
        except Exception as error:
            self._health.record_incident("coordination", "the lock could not be released", "It "
                                         f"expires after its timeout. The error: {error!r:.300}")

    def _wait_for_lock(self) -> None:
        announced_at = float("-inf")
        while not self._try_lock(self._lock.acquire):
            if time.monotonic() >= announced_at + timing.STANDBY_PERIOD:
                announced_at = time.monotonic()
                self._announce_standby()
            eventlet.sleep(timing.LOCK_ATTEMPT_PERIOD)

    def _announce_standby(self) -> None:
        """Record that this sensor could take over, if it reaches the broker and the database."""
        try:
            if self._can_dispatch():
                self._roster.announce(STANDBY)
        except ServiceUnavailable:
            pass  # without StackStorm's database, this sensor could not take over

    def _begin(self, take_over: Callable[[], None]) -> None:
        """Record this sensor as active; if another one was, call take_over() first.

        In this order, because a sensor that ends in between must take over at its next start.
        """
        while True:
            try:
                if self._roster.another_is_active():
                    take_over()
                return self._roster.announce(ACTIVE)
            except ServiceUnavailable:
                eventlet.sleep(timing.LOCK_ATTEMPT_PERIOD)

    def _try_lock(self, call: Callable[[], bool]) -> Optional[bool]:
        """Call the lock's method acquire or renew, and move the deadline if this sensor owns it.

        Returns:
            Whether this sensor owns the lock; None if the coordination service does not answer.
        """
        began = time.monotonic()
        try:
            is_owned = call()
        except Exception as error:
            self._health.set_problem(
                "coordination", "StackStorm's coordination service does not answer",
                "No sensor can take over, and the active one pauses until it answers. Check the "
                f"service at [coordination] url in st2.conf. The error: {error!r:.300}")
            return None
        self._health.clear_problem("coordination")
        if is_owned:
            self._deadline = began + timing.LOCK_TIMEOUT - timing.LOCK_MARGIN
        return is_owned

    def _keep_lock(self) -> bool:
        """Renew the lock; return False if another sensor is active or should become active."""
        is_owned = self._try_lock(self._lock.renew)
        if is_owned is None:  # if this lasts, the deadline stops dispatching
            return True
        if not is_owned:
            self._deadline = 0.0
            return self._regained()
        if self._should_resign():
            self.resign()
            return False
        return True

    def _regained(self) -> bool:
        """Wait to acquire the lost lock; return False if another sensor had it in between."""
        while True:
            try:
                if self._roster.another_is_active():
                    return False
                if self._try_lock(self._lock.acquire):
                    # Since the check above, another sensor may have had the lock and ended.
                    return not self._roster.another_is_active()
            except ServiceUnavailable:
                pass  # the next dispatch reports the outage
            eventlet.sleep(timing.LOCK_ATTEMPT_PERIOD)

    def _should_resign(self) -> bool:
        """Return True if, for BROKER_LOST_DELAY, only a standby could reach the broker."""
        if not self._health.has_problem("broker") or self._can_dispatch():
            self._broker_lost_at = None
            return False
        now = time.monotonic()
        self._broker_lost_at = self._broker_lost_at or now
        try:
            return (self._roster.is_alive(STANDBY, timing.STANDBY_SEEN_KEPT) and
                    now - self._broker_lost_at >= timing.BROKER_LOST_DELAY)
        except ServiceUnavailable:
            return False


class SoleSensor:
    """Has the methods of Leadership for a StackStorm without a coordination service.

    This sensor is always active. A second sensor is reported in /health, but not prevented from
    dispatching.
    """

    role = "single"
    is_current = True
    settle_delay = 0.0

    def __init__(self, roster: Roster, health: Health):
        self._roster, self._health = roster, health

    def run(self, take_over: Callable[[], None], activate: Callable[[], None],
            request_check: Callable[[], None]) -> None:
        """Be the active sensor for ever, and report a second sensor; call only activate()."""
        activate()
        while True:
            try:
                self._report_another()
                self._roster.announce(ACTIVE)
            except ServiceUnavailable:
                pass  # the next dispatch reports the outage
            eventlet.sleep(timing.SENSOR_SEEN_KEPT / 3)

    def check(self) -> None:
        """Do nothing, because this sensor can always dispatch."""

    def resign(self) -> None:
        """Do nothing, because there is no lock."""

    def _report_another(self) -> None:
        if self._roster.is_alive(ACTIVE, timing.SENSOR_SEEN_KEPT):
            self._health.set_problem(
                "coordination", "a second sensor of the same HipChat runs",
                f"It runs on {self._roster.active_host()!r}, and events may be dispatched twice. "
                "Stop it, or set [coordination] url in st2.conf to Redis, so that it stands by.")
        else:
            self._health.clear_problem("coordination")
