"""Collects the sensor's problems and counts, for the page /health and for the log."""
import logging
import time
from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

from hipchat.text.masking import SecretFilter
from listening import timing
from listening.operations.metrics import Metrics

__all__ = ["Health"]

CONSEQUENCES = ("rooms", "webhooks")  # parts that fail if HipChat fails


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
        secrets: returns the strings that are masked in the log and in details().
        refused: the number of refused HTTP requests, by reason.
        metrics: the same numbers and more, for Prometheus.
    """

    def __init__(self, log: logging.Logger):
        self._log = log
        self.secrets: Callable[[], Iterable[str]] = list
        self._masking = SecretFilter(lambda: self.secrets())
        log.addFilter(self._masking)
        self._started = time.monotonic()
        self._problems: Dict[Tuple[str, str], _Problem] = {}
        self._logged_at: Dict[Tuple[str, ...], float] = {}
        self._sources: Dict[str, Callable[[], Any]] = {}
        self._promises: List[Tuple[Callable[[], bool], str]] = []
        self._outcomes: Counter = Counter()  # of deliveries, by (event, outcome)
        self.refused: Counter = Counter()
        self.metrics = Metrics(self.report, self.details, self._outcomes)

    def set_problem(self, part: str, summary: str, detail: str, about: str = "",
                    level: int = logging.WARNING) -> None:
        """Set a problem of a part. It is logged when it begins or its summary changes.

        Args:
            summary: for /health, which anybody can read.
            detail: the cause and the remedy, for the operator's log and hipchat.check.
            about: identifies the problem among several of one part.
        """
        self._note(part, about, _Problem(summary, detail, float("inf")), level)

    def record_incident(self, part: str, summary: str, detail: str, about: str = "") -> None:
        """Record a problem that is over already; /health shows it for INCIDENT_KEPT."""
        ends = time.monotonic() + timing.INCIDENT_KEPT
        self._note(part, about or summary, _Problem(summary, detail, ends), logging.WARNING)

    def clear_problem(self, part: str, about: str = "") -> None:
        """Clear a problem, and log that the part works again, if the problem was set."""
        if self._problems.pop((part, about), None) is not None:
            self._log.info("%s: works again.", part)

    def count(self, event: str, outcome: str, deliveries: int = 1) -> None:
        """Count deliveries of an event by their outcome.

        Args:
            event: HipChat's name of the event; "" if unknown.
            outcome: "accepted", "dispatched", or why the deliveries were dropped.
        """
        if deliveries:
            self._outcomes[event, outcome] += deliveries

    def totals(self) -> Counter:
        """Return the number of deliveries of all events, by outcome."""
        totals: Counter = Counter()
        for (_, outcome), count in self._outcomes.items():
            totals[outcome] += count
        return totals

    def count_refused(self, status: str, reason: str, content: str) -> None:
        """Count a refused HTTP request; log at most one in WARNING_THROTTLE for each reason.

        Args:
            status, content: those of the response.
            reason: the key in `refused`, such as "unsigned".
        """
        self.refused[reason] += 1
        if self._may_log(reason):
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
        """Report a problem (in the form "part: summary") for as long as is_met() returns False."""
        self._promises.append((is_met, reason))

    def add_metrics(self, **sources: Callable[[], Any]) -> None:
        """Add keys to /health, each with a function that returns its current value."""
        self._sources.update(sources)

    def report(self) -> Dict[str, Any]:
        """Return the content of /health. It contains no rooms, users and URLs."""
        reasons, totals = self._reasons(), self.totals()
        return dict({
            "status": "degraded" if reasons else "ok",
            "reasons": reasons,
            "uptime": round(time.monotonic() - self._started),
            "accepted": totals.pop("accepted", 0),
            "dispatched": totals.pop("dispatched", 0),
            "dropped": dict(totals),
            "refused": dict(self.refused),
        }, **{key: source() for key, source in self._sources.items()})

    def details(self) -> List[str]:
        """Return one string for each current problem, with its detail; causes go first."""
        return self._broken() + [
            self._masking.mask(f"{part}: {problem.summary}. {problem.detail}")
            for (part, _), problem in sorted(self._current().items(), key=_cause_first)]

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
        if self._may_log(part, about, problem.summary):
            self._log.log(level, "%s: %s. %s", part, problem.summary, problem.detail)

    def _may_log(self, *key: str) -> bool:
        """Return True, but for each key at most once in WARNING_THROTTLE."""
        now = time.monotonic()
        if now - self._logged_at.get(key, float("-inf")) < timing.WARNING_THROTTLE:
            return False
        self._logged_at[key] = now
        return True


def _cause_first(item: Tuple[Tuple[str, str], _Problem]) -> Tuple:
    key, _ = item
    return key[0] in CONSEQUENCES, key
