"""Reports the rules that receive fewer events than they ask for."""
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
    """A problem with the rooms, events or parameters of triggers.

    Attributes:
        triggers: the refs of these triggers.
        config_counts: whether the pack's config is reported as a cause, and not only rules.
    """

    part: str
    about: str
    triggers: Set[str]
    summary: str
    detail: str
    level: int
    config_counts: bool = True


class RuleProblems:
    """Sets a problem that names the enabled rules with wrong parameters or unreachable rooms."""

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
        """Check for ever."""
        while True:
            eventlet.sleep(timing.RULE_PROBLEMS_PERIOD)
            try:
                self._check()
            except ServiceUnavailable:  # Triggers sets the problem
                pass

    def _check(self) -> None:
        rules: Dict[Tuple[str, str], List[str]] = {}
        rules_of = lru_cache(maxsize=None)(self._rules)  # many rooms may have the same triggers
        for wrong in self._wrong():
            found = _causes(wrong, rules_of)
            if found:
                rules[wrong.part, wrong.about] = found
                self._health.set_problem(
                    wrong.part, wrong.summary, f"{wrong.detail} It is caused by "
                    f"{' and '.join(found)}.", about=wrong.about, level=wrong.level)
        for part, about in self._reported - set(rules):
            self._health.clear_problem(part, about=about)
        self._reported = set(rules)

    def _wrong(self) -> List[_Wrong]:
        rooms = self._webhooks.problems()
        triggers = self._subscriptions.refs_by_room(rooms)
        return [_Wrong("rules", trigger, {trigger}, "wrong trigger parameters", str(error),
                       logging.ERROR)
                for trigger, error in self._subscriptions.invalid_triggers().items()] + [
            _Wrong("rooms", str(room), triggers[room], "a room cannot be listened to",
                   f"Room {self._webhooks.title(room)} cannot be listened to: {error}",
                   logging.WARNING)
            for room, error in rooms.items()] + [
            _Wrong("rules", event, refs, "an event cannot be received without a webhook",
                   f"HipChat's history does not contain {event}: only a webhook delivers it. Set "
                   "webhook.public_url in the pack's config, and make the token's owner an admin "
                   "of the rooms.", logging.ERROR, config_counts=False)
            for event, refs in self._unavailable().items()]

    def _unavailable(self) -> Dict[str, Set[str]]:
        """Return the refs of triggers whose event can come neither by a webhook nor from history.

        They are grouped by the event (HipChat's name).
        """
        found: Dict[str, Set[str]] = {}
        for address in self._subscriptions.required():
            if address.event not in HISTORY_EVENTS and (
                    self._webhooks.is_history_only(address.room)):
                found.setdefault(address.event, set()).update(
                    subscription.ref for subscription in self._subscriptions.at(address))
        return found


def _causes(wrong: _Wrong, rules: Callable[[str], List[str]]) -> List[str]:
    """Name the rules and config keys that need these triggers.

    Triggers without parameters are for the rooms of the config.
    """
    names = {"the rule " + rule for trigger in wrong.triggers for rule in rules(trigger)}
    config = ["rooms in the pack's config"] if (
        wrong.config_counts and wrong.triggers & WITHOUT_PARAMETERS) else []
    config += ["chatops.rooms in the pack's config"] if COMMANDS in wrong.triggers else []
    return config + sorted(names)
