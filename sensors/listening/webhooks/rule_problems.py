"""Reports which rules get fewer events than they ask for, and why."""
import logging
from functools import lru_cache
from typing import Callable, Dict, List, NamedTuple, Set, Tuple

import eventlet

from hipchat.events import EVENTS
from hipchat.api.room_history import HISTORY_EVENTS
from listening import timing
from listening.operations.health import Health
from listening.dispatch.subscriptions import COMMANDS, Subscriptions
from listening.errors import ServiceUnavailable
from listening.webhooks.reconciler import WebhookReconciler

__all__ = ["RuleProblems"]

WITHOUT_PARAMETERS = {"hipchat." + name for name in EVENTS}  # their refs are their types


class _Wrong(NamedTuple):
    """What is wrong with the rooms, events or parameters of these triggers (refs)."""

    part: str
    about: str
    triggers: Set[str]
    summary: str
    detail: str
    level: int
    config_counts: bool = True  # whether it is a problem for the config alone, too


class RuleProblems:
    """Names the enabled rules whose trigger parameters are wrong or whose room is out of reach.
    """

    def __init__(self, subscriptions: Subscriptions, webhooks: WebhookReconciler,
                 rules: Callable[[str], List[str]], health: Health):
        """Args:
            rules: returns the refs of the enabled rules on a trigger (its ref); raises
                ServiceUnavailable.
        """
        self._subscriptions, self._webhooks = subscriptions, webhooks
        self._rules, self._health = rules, health
        self._reported: Set[Tuple[str, str]] = set()

    def watch(self) -> None:
        """Look for ever."""
        while True:
            eventlet.sleep(timing.RULE_PROBLEMS_PERIOD)
            try:
                self._look()
            except ServiceUnavailable:  # Triggers sets the problem
                pass

    def _look(self) -> None:
        rules: Dict[Tuple[str, str], List[str]] = {}
        rules_of = lru_cache(maxsize=None)(self._rules)  # many rooms may want the same triggers
        for wrong in self._wrong():
            found = _names(wrong, rules_of)
            if found:
                rules[wrong.part, wrong.about] = found
                detail = f"{wrong.detail} This is what {' and '.join(found)} says."
                self._health.set_problem(wrong.part, wrong.summary, detail, about=wrong.about,
                                         level=wrong.level)
        for part, about in self._reported - set(rules):
            self._health.clear_problem(part, about=about)
        self._reported = set(rules)

    def _wrong(self) -> List[_Wrong]:
        rooms = self._webhooks.problems()
        wanting = self._subscriptions.refs(rooms)
        return [_Wrong("rules", trigger, {trigger}, "wrong trigger parameters", str(error),
                       logging.ERROR)
                for trigger, error in self._subscriptions.wrong().items()] + [
            _Wrong("rooms", str(room), wanting[room], "a room cannot be listened to",
                   f"Room {self._webhooks.title(room)} cannot be listened to: {error}",
                   logging.WARNING)
            for room, error in rooms.items()] + [
            _Wrong("rules", event, refs, "an event cannot be heard without a webhook",
                   f"HipChat's history has no {event}: only a webhook delivers it. Set "
                   "webhook.public_url in the pack's config, and let the token's owner be an admin "
                   "of the rooms.", logging.ERROR, config_counts=False)
            for event, refs in self._unavailable().items()]

    def _unavailable(self) -> Dict[str, Set[str]]:
        """The triggers whose event comes by no webhook and no history, by HipChat's name of it."""
        found: Dict[str, Set[str]] = {}
        for address in self._subscriptions.wanted():
            if address.event not in HISTORY_EVENTS and self._webhooks.are_none_in(address.room):
                found.setdefault(address.event, set()).update(
                    listener.ref for listener in self._subscriptions.hearing(address))
        return found


def _names(wrong: _Wrong, rules: Callable[[str], List[str]]) -> List[str]:
    """Who wants these triggers; those without parameters are for the rooms of the config."""
    names = {"the rule " + rule for trigger in wrong.triggers for rule in rules(trigger)}
    config = ["rooms in the pack's config"] if (
        wrong.config_counts and wrong.triggers & WITHOUT_PARAMETERS) else []
    config += ["chatops.rooms in the pack's config"] if COMMANDS in wrong.triggers else []
    return config + sorted(names)
