"""Reports in /health the rules whose events cannot be received."""
import logging
from functools import lru_cache
from typing import Callable, Dict, List, NamedTuple, Set, Tuple

import eventlet

from hipchat.events import EVENTS
from hipchat.api.room_history import HISTORY_EVENTS
from listening import timing
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.subscriptions import COMMANDS, Subscriptions
from listening.webhooks.reconciler import WebhookReconciler

__all__ = ["RuleProblems"]

# The refs of triggers without parameters, which are for the rooms of the config.
WITHOUT_PARAMETERS = {"hipchat." + name for name in EVENTS}


class _Problem(NamedTuple):
    """A problem with the rooms, events or parameters of triggers, for Health.set_problem().

    Attributes:
        refs: the refs of the triggers with the problem.
        config_counts: False if only rules are reported as a cause, and not the pack's config.
    """

    part: str
    about: str
    refs: Set[str]
    summary: str
    detail: str
    level: int
    config_counts: bool = True


class RuleProblems:
    """Sets problems in /health for enabled rules with wrong parameters or unreachable rooms."""

    def __init__(self, subscriptions: Subscriptions, webhooks: WebhookReconciler,
                 enabled_rules: Callable[[str], List[str]], health: Health):
        """Args:
            enabled_rules: returns the refs of the enabled rules with a trigger (its ref); raises
                ServiceUnavailable.
        """
        self._subscriptions, self._webhooks = subscriptions, webhooks
        self._enabled_rules, self._health = enabled_rules, health
        self._reported: Set[Tuple[str, str]] = set()

    def watch(self) -> None:
        """Set and clear the problems of all rules periodically, for ever."""
        while True:
            eventlet.sleep(timing.RULE_PROBLEMS_PERIOD)
            try:
                self._check()
            except ServiceUnavailable:  # Triggers sets the problem
                pass

    def _check(self) -> None:
        reported = set()
        rules = lru_cache(maxsize=None)(self._enabled_rules)  # many rooms have the same triggers
        for problem in self._problems():
            causes = _causes(problem, rules)
            if causes:  # else nothing uses the triggers any more
                reported.add((problem.part, problem.about))
                self._health.set_problem(
                    problem.part, problem.summary, f"{problem.detail} It is caused by "
                    f"{' and '.join(causes)}.", about=problem.about, level=problem.level)
        for part, about in self._reported - reported:
            self._health.clear_problem(part, about=about)
        self._reported = reported

    def _problems(self) -> List[_Problem]:
        rooms = self._webhooks.problems()
        refs_by_room = self._subscriptions.refs_by_room(rooms)
        return [_Problem("rules", ref, {ref}, "wrong trigger parameters", str(error),
                         logging.ERROR)
                for ref, error in self._subscriptions.invalid_triggers().items()] + [
            _Problem("rooms", str(room), refs_by_room[room], "a room's events cannot be received",
                     f"Room {self._webhooks.title(room)}: {error}", logging.WARNING)
            for room, error in rooms.items()] + [
            _Problem("rules", event, refs, "an event cannot be received without a webhook",
                     f"HipChat's history does not contain {event}: only a webhook delivers it. Set "
                     "webhook.public_url in the pack's config, and make the token's owner an admin "
                     "of the rooms.", logging.ERROR, config_counts=False)
            for event, refs in self._unavailable().items()]

    def _unavailable(self) -> Dict[str, Set[str]]:
        """Return the triggers' refs of each event that no webhook and no history can supply."""
        found: Dict[str, Set[str]] = {}
        for address in self._subscriptions.required():
            if address.event not in HISTORY_EVENTS and (
                    self._webhooks.is_history_only(address.room_id)):
                found.setdefault(address.event, set()).update(
                    subscription.ref for subscription in self._subscriptions.at(address))
        return found


def _causes(problem: _Problem, rules: Callable[[str], List[str]]) -> List[str]:
    """Return descriptions of the config keys and rules that use a problem's triggers.

    Args:
        rules: returns the refs of the enabled rules that have a trigger (its ref).
    """
    config = ["rooms in the pack's config"] if (
        problem.config_counts and problem.refs & WITHOUT_PARAMETERS) else []
    config += ["chatops.rooms in the pack's config"] if COMMANDS in problem.refs else []
    return config + sorted({f"the rule {rule}" for ref in problem.refs for rule in rules(ref)})
