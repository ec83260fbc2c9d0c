"""Tells which rules hear less than they say, and why."""
import logging
from typing import Callable, Dict, List, NamedTuple, Set, Tuple

import eventlet

from listening.health import Health
from listening.listeners import Listeners
from listening.outage import Outage
from listening.webhooks import Webhooks

__all__ = ["RuleTroubles"]

LOOK_EVERY = 3.0  # seconds; StackStorm stores a rule after it has told of its trigger


class _Wrong(NamedTuple):
    """What is wrong with whatever these triggers (refs) want."""

    part: str
    about: str
    triggers: Set[str]
    summary: str
    detail: str
    level: int


class RuleTroubles:
    """Names the enabled rules whose trigger parameters are wrong or whose room cannot be had.

    rules returns the refs of the enabled rules on a trigger, or raises Outage. What no enabled rule
    wants is no trouble: StackStorm has triggers for disabled rules, too.
    """

    def __init__(self, listeners: Listeners, webhooks: Webhooks,
                 rules: Callable[[str], List[str]], health: Health):
        self._listeners, self._webhooks = listeners, webhooks
        self._rules, self._health = rules, health
        self._told: Set[Tuple[str, str]] = set()

    def watch(self) -> None:
        """Look again and again, for ever."""
        while True:
            eventlet.sleep(LOOK_EVERY)
            try:
                self._look()
            except Outage:  # told by whoever has something to dispatch
                pass

    def _look(self) -> None:
        rules: Dict[Tuple[str, str], List[str]] = {}
        for wrong in self._wrong():
            found = sorted({rule for trigger in wrong.triggers for rule in self._rules(trigger)})
            if found:
                rules[wrong.part, wrong.about] = found
                self._health.trouble(wrong.part, wrong.summary, "{}: {}".format(
                    " and ".join(found), wrong.detail), about=wrong.about, level=wrong.level)
        for part, about in self._told - set(rules):
            self._health.well(part, about=about)
        self._told = set(rules)

    def _wrong(self) -> List[_Wrong]:
        return [_Wrong("rules", trigger, {trigger}, "wrong trigger parameters", str(error),
                       logging.ERROR)
                for trigger, error in self._listeners.wrong().items()] + [
            _Wrong("rooms", str(room), self._listeners.refs(room), "a room cannot be listened to",
                   "the room {}: {}".format(self._webhooks.title(room), error), logging.WARNING)
            for room, error in self._webhooks.troubles().items()]
