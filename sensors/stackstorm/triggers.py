"""Keeps the sensor's subscriptions equal to the triggers in StackStorm's database."""
import time

from eventlet.semaphore import Semaphore

from listening import timing
from listening.subscriptions import Subscriptions
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.wakeup import WakeUp
from stackstorm import database

__all__ = ["Triggers"]


class Triggers:
    """Keeps the sensor's subscriptions current: reads the triggers periodically and on changes.

    StackStorm's report of a change may be lost, or arrive before StackStorm has stored the rule.
    """

    def __init__(self, subscriptions: Subscriptions, health: Health):
        self._subscriptions, self._health = subscriptions, health
        self._one_at_a_time = Semaphore()  # an older read must not replace a newer one
        self._wake_up = WakeUp()
        self._settled_at = 0.0

    def triggers_changed(self) -> None:
        """Let run() read the triggers now, and repeatedly until TRIGGER_SETTLE_DELAY has passed."""
        self._settled_at = time.monotonic() + timing.TRIGGER_SETTLE_DELAY
        self._wake_up.set()

    def refresh(self) -> None:
        """Read the triggers now; raise ServiceUnavailable if the database does not answer."""
        with self._one_at_a_time:
            self._subscriptions.replace(database.triggers())

    def run(self) -> None:
        """Refresh the subscriptions for ever: every TRIGGER_REFRESH_PERIOD, and after changes."""
        while True:
            try:
                self.refresh()
            except ServiceUnavailable as outage:
                self._health.set_problem(outage.part, outage.summary, outage.detail, about="outage")
                delay = timing.TRIGGER_REFRESH_RETRY_DELAY
            else:
                self._health.clear_problem("database", about="outage")
                delay = (timing.TRIGGER_REFRESH_PERIOD if time.monotonic() >= self._settled_at
                         else timing.TRIGGER_RECHECK_DELAY)
            self._wake_up.wait(delay)
