"""Keeps the subscriptions equal to the triggers in StackStorm's database."""
from typing import Any, Callable, Dict, List

import eventlet

from hipchat.events import EVENTS
from listening import timing
from listening.dispatch.subscriptions import Subscriptions
from listening.errors import ServiceUnavailable
from listening.operations.health import Health

__all__ = ["Triggers"]

TYPES = ["hipchat." + name for name in EVENTS]


class Triggers:
    """Reads the triggers again and again: StackStorm tells of a change once, by its broker."""

    def __init__(self, read: Callable[[List[str]], List[Dict[str, Any]]],
                 subscriptions: Subscriptions, health: Health):
        """Args:
            read: returns the triggers of these types, or raises ServiceUnavailable.
        """
        self._read, self._subscriptions, self._health = read, subscriptions, health

    def refresh(self) -> None:
        """Replace the subscriptions by what the database has; raises ServiceUnavailable."""
        while True:
            version = self._subscriptions.version
            triggers = self._read(TYPES)
            if version == self._subscriptions.version:  # else one was added or removed meanwhile
                self._subscriptions.replace(triggers)
                return

    def run(self, triggers_known: Callable[[], None]) -> None:
        """Refresh for ever.

        Args:
            triggers_known: called after each refresh that succeeded.
        """
        while True:
            try:
                self.refresh()
            except ServiceUnavailable as outage:
                self._health.set_problem(outage.part, outage.summary, outage.detail, about="outage")
                eventlet.sleep(timing.TRIGGER_REFRESH_RETRY_DELAY)
            else:
                self._health.clear_problem("database", about="outage")
                triggers_known()
                eventlet.sleep(timing.TRIGGER_REFRESH_PERIOD)
