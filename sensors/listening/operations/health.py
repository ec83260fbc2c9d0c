"""Collects the sensor's problems and counts, for the page /health and for the log."""
import logging
import time
from collections import Counter
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from listening import timing
from listening.operations.metrics import Metrics

__all__ = ["Health"]

CONSEQUENCES = ("rooms", "webhooks")  # parts that fail if HipChat fails
ACCEPTED, DISPATCHED = "accepted", "dispatched"  # deliveries with other outcomes are dropped


class _Problem(NamedTuple):
    """A problem in /health until `ends` (time.monotonic(); infinity until it is cleared)."""

    summary: str
    detail: str
    ends: float


class Health:
    """Collects problems by part ("broker", "HipChat", "spool", "listener", ...), and counts.

    Only this class logs warnings and errors, so /health contains all of them.

        health.set_problem("spool", "the disk does not answer", "Check the disk of /var/spool/x.")
        health.clear_problem("spool")

    Attributes:
        mask: replaces the secrets in a string of details().
        refused: the number of refused HTTP requests, by reason.
        metrics: the same numbers and more, for Prometheus.
    """

    def __init__(self, log: logging.Logger):
        self._log = log
        self._started = time.monotonic()
        self._problems: Dict[Tuple[str, str], _Problem] = {}
        self._refused_logged: Dict[str, float] = {}
        self._warned: Dict[Tuple[str, str, str], float] = {}
        self._sources: Dict[str, Callable[[], Any]] = {}
        self._promises: List[Tuple[Callable[[], bool], str]] = []
        self._outcomes: Counter = Counter()  # of deliveries, by (event, outcome)
        self.mask: Callable[[str], str] = str
        self.refused: Counter = Counter()
        self.metrics = Metrics(self.report, lambda: self._outcomes, self._problem_counts)

    def set_problem(self, part: str, summary: str, detail: str, about: str = "",
                    level: int = logging.WARNING) -> None:
        """Set a problem of a part. It is logged when it begins or its summary changes.

        Args:
            part: the part of the sensor, or the service, that has the problem.
            summary: the problem, for /health, which anybody can read.
            detail: the cause and the remedy, for the operator's log and hipchat.check.
            about: identifies the problem among several of one part, also for clear_problem(); "" if
                the part has only one.
            level: the logging level of the log line.
        """
        self._note(part, about, _Problem(summary, detail, float("inf")), level)

    def record_incident(self, part: str, summary: str, detail: str, about: str = "") -> None:
        """Record a problem that is over already; /health shows it for INCIDENT_KEPT.

        The arguments are those of set_problem(); if `about` is "", the summary takes its place.
        """
        ends = time.monotonic() + timing.INCIDENT_KEPT
        self._note(part, about or summary, _Problem(summary, detail, ends), logging.WARNING)

    def clear_problem(self, part: str, about: str = "") -> None:
        """Clear a problem. If the problem was set, log that the part works again."""
        if self._problems.pop((part, about), None) is not None:
            self._log.info("%s: works again.", part)

    def count(self, event: str, outcome: str, deliveries: int = 1) -> None:
        """Count deliveries of an event by their outcome.

        Args:
            event: HipChat's name of the event; "" if unknown.
            outcome: "accepted", "dispatched", or why the deliveries were not dispatched.
        """
        if deliveries:
            self._outcomes[event, outcome] += deliveries

    @property
    def accepted(self) -> int:
        """The number of deliveries that were received and stored."""
        return self._count_of(ACCEPTED)

    @property
    def dispatched(self) -> int:
        """The number of deliveries that were dispatched to StackStorm."""
        return self._count_of(DISPATCHED)

    @property
    def dropped(self) -> Dict[str, int]:
        """The number of deliveries that were not dispatched, by reason."""
        found: Counter = Counter()
        for (_, outcome), count in self._outcomes.items():
            if outcome not in (ACCEPTED, DISPATCHED):
                found[outcome] += count
        return found

    def count_refused(self, status: str, reason: str, content: str) -> None:
        """Count a refused HTTP request; log at most one in WARNING_THROTTLE for each reason.

        Args:
            status: the status line of the response.
            reason: the key under which the request is counted, such as "unsigned".
            content: the body of the response.
        """
        self.refused[reason] += 1
        now = time.monotonic()
        if now >= self._refused_logged.get(reason, now - timing.WARNING_THROTTLE) + (
                timing.WARNING_THROTTLE):
            self._refused_logged[reason] = now
            self._log.info("A request was refused with %s (%s); so far %d for this reason. %s",
                           status, reason, self.refused[reason], content.strip())

    def forget(self, part: str) -> None:
        """Clear all problems of a part, without a log line."""
        for key in [key for key in self._problems if key[0] == part]:
            del self._problems[key]

    def has_problem(self, part: str) -> bool:
        """Return whether a part has any problem now."""
        return any(key[0] == part for key in self._current())

    def promise(self, is_met: Callable[[], bool], reason: str) -> None:
        """Report a problem for as long as is_met() returns False.

        Args:
            reason: the problem for /health, in the form "part: summary".
        """
        self._promises.append((is_met, reason))

    def add_metrics(self, **sources: Callable[[], Any]) -> None:
        """Add keys to the report of /health.

        Args:
            sources: for each key a function that returns its current value.
        """
        self._sources.update(sources)

    def report(self) -> Dict[str, Any]:
        """Return the content of /health. It contains no rooms, users and URLs."""
        reasons = self._reasons()
        return dict({
            "status": "degraded" if reasons else "ok",
            "reasons": reasons,
            "uptime": round(time.monotonic() - self._started),
            "accepted": self.accepted,
            "dispatched": self.dispatched,
            "dropped": dict(self.dropped),
            "refused": dict(self.refused),
        }, **{key: source() for key, source in self._sources.items()})

    def details(self) -> List[str]:
        """Return one string for each current problem, with its detail; causes go first."""
        return self._broken() + [
            self.mask(f"{part}: {problem.summary}. {problem.detail}")
            for (part, _), problem in sorted(self._current().items(), key=_cause_first)]

    def _count_of(self, outcome: str) -> int:
        return sum(count for (_, each), count in self._outcomes.items() if each == outcome)

    def _problem_counts(self) -> Dict[str, int]:
        """Return the number of current problems by part."""
        broken = (reason.partition(":")[0] for reason in self._broken())
        return Counter([part for part, _ in self._current()] + list(broken))

    def _reasons(self) -> List[str]:
        counts = Counter(f"{part}: {problem.summary}"
                         for (part, _), problem in self._current().items())
        return self._broken() + [
            reason if count == 1 else f"{reason} ({count})"
            for reason, count in sorted(counts.items())]

    def _broken(self) -> List[str]:
        return [reason for is_met, reason in self._promises if not is_met()]

    def _current(self) -> Dict[Tuple[str, str], _Problem]:
        now = time.monotonic()
        return {key: problem for key, problem in self._problems.items() if problem.ends > now}

    def _note(self, part: str, about: str, problem: _Problem, level: int) -> None:
        known = self._problems.get((part, about))
        self._problems[part, about] = problem
        if known and known.summary == problem.summary and known.ends == problem.ends:
            return
        now, key = time.monotonic(), (part, about, problem.summary)
        if now >= self._warned.get(key, now - timing.WARNING_THROTTLE) + timing.WARNING_THROTTLE:
            self._warned[key] = now
            self._log.log(level, "%s: %s. %s", part, problem.summary, problem.detail)


def _cause_first(item: Tuple[Tuple[str, str], _Problem]) -> Tuple:
    key, _ = item
    return key[0] in CONSEQUENCES, key
