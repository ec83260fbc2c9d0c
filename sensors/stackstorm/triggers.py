"""Keeps the sensor's subscriptions equal to the triggers in StackStorm's database."""
import time
from typing import Any, Callable, Dict, List

from eventlet.semaphore import Semaphore

from hipchat.events import EVENTS
from listening import timing
from listening.dispatch.subscriptions import Subscriptions
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.wakeup import WakeUp

__all__ = ["Triggers"]

TYPES = ["hipchat." + name for name in EVENTS]


class Triggers:
    """Keeps the sensor's subscriptions current: reads the triggers periodically and on changes.

    StackStorm reports changes to the sensor, but the reports are not enough: StackStorm sends each
    report once, through its broker, which may be down. And a report about a trigger may arrive
    before StackStorm has stored the rule that uses the trigger.
    """

    def __init__(self, read: Callable[[List[str]], List[Dict[str, Any]]],
                 subscriptions: Subscriptions, health: Health):
        """Args:
            read: returns those triggers of the given trigger types that rules or the config use;
                raises ServiceUnavailable.
            subscriptions: receives the triggers after each read.
        """
        self._read, self._subscriptions, self._health = read, subscriptions, health
        self._one_at_a_time = Semaphore()  # an older read must not replace a newer one
        self._wake_up = WakeUp()
        self._settled_at = 0.0

    def triggers_changed(self) -> None:
        """Let run() read the triggers now, and repeatedly until TRIGGER_SETTLE_DELAY has passed."""
        self._settled_at = time.monotonic() + timing.TRIGGER_SETTLE_DELAY
        self._wake_up.set()

    def refresh(self) -> None:
        """Replace the subscriptions by the triggers in the database.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        with self._one_at_a_time:
            self._subscriptions.replace(self._read(TYPES))

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
