"""How the sensor is: counters and troubles, told in /health and, once each, in the log."""
import logging
import time
from collections import Counter
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from listening import timing

__all__ = ["Health"]

CONSEQUENCES = ("rooms", "webhooks")  # parts that are in trouble where HipChat is


class _Trouble(NamedTuple):
    summary: str
    detail: str
    ends: float


class Health:
    """Troubles by part ("broker", "HipChat", "spool", "listener", ...), and counts of deliveries.

    Nothing else in the sensor writes warnings and errors, so that the log has none of which
    /health says nothing.
    """

    def __init__(self, log: logging.Logger):
        self._log = log
        self._started = time.monotonic()
        self._troubles: Dict[Tuple[str, str], _Trouble] = {}
        self._refused_logged: Dict[str, float] = {}
        self._warned: Dict[Tuple[str, str, str], float] = {}
        self._sources: Dict[str, Callable[[], Any]] = {}
        self._promises: List[Tuple[Callable[[], bool], str]] = []
        self.mask: Callable[[str], str] = str  # hides secrets in what is told by name
        self.accepted = 0
        self.dispatched = 0
        self.dropped: Counter = Counter()
        self.refused: Counter = Counter()

    def set_problem(self, part: str, summary: str, detail: str, about: str = "",
                level: int = logging.WARNING) -> None:
        """A part is in trouble. Logged when it begins or its summary changes, not each time.

        summary: words for /health, which anybody can read; detail: for the operator's log and
        hipchat.check; about: which of a part's troubles, where it can have several.
        """
        self._note(part, about, _Trouble(summary, detail, float("inf")), level)

    def record_incident(self, part: str, summary: str, detail: str, about: str = "") -> None:
        """Something went wrong and is over; it is told for an hour."""
        ends = time.monotonic() + timing.INCIDENT_KEPT
        self._note(part, about or summary, _Trouble(summary, detail, ends), logging.WARNING)

    def clear_problem(self, part: str, about: str = "") -> None:
        """A part works; logged if it did not before."""
        if self._troubles.pop((part, about), None) is not None:
            self._log.info("%s: works again.", part)

    def count_refused(self, status: str, reason: str, words: str) -> None:
        """A delivery was refused; logged at most once in WARNING_THROTTLE for each reason.

        Args:
            status: the status line of the response.
            words: its text.
        """
        self.refused[reason] += 1
        now = time.monotonic()
        if now >= self._refused_logged.get(reason, now - timing.WARNING_THROTTLE) + (
                timing.WARNING_THROTTLE):
            self._refused_logged[reason] = now
            self._log.info("A request was refused with %s (%s), the %d. of its kind: %s", status,
                           reason, self.refused[reason], words.strip())

    def forget(self, part: str) -> None:
        """Whatever was told of a part holds no more."""
        for key in [key for key in self._troubles if key[0] == part]:
            del self._troubles[key]

    def is_troubled(self, part: str) -> bool:
        """Whether a part has any trouble now."""
        return any(key[0] == part for key in self._current())

    def promise(self, kept: Callable[[], bool], reason: str) -> None:
        """While kept() is false, health is degraded, for this reason."""
        self._promises.append((kept, reason))

    def add_metrics(self, **sources: Callable[[], Any]) -> None:
        """More keys for the report, each with the function that tells its value."""
        self._sources.update(sources)

    def report(self) -> Dict[str, Any]:
        """The answer of /health: no room, no user, no URL is in it; times in seconds."""
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
        """The troubles there are, causes first, as the log tells them: with names."""
        return self._broken() + [
            self.mask(f"{part}: {trouble.summary}. {trouble.detail}")
            for (part, _), trouble in sorted(self._current().items(), key=_cause_first)]

    def _reasons(self) -> List[str]:
        counts = Counter(f"{part}: {trouble.summary}"
                         for (part, _), trouble in self._current().items())
        return self._broken() + [
            reason if count == 1 else f"{reason} ({count})"
            for reason, count in sorted(counts.items())]

    def _broken(self) -> List[str]:
        return [reason for kept, reason in self._promises if not kept()]

    def _current(self) -> Dict[Tuple[str, str], _Trouble]:
        now = time.monotonic()
        return {key: trouble for key, trouble in self._troubles.items() if trouble.ends > now}

    def _note(self, part: str, about: str, trouble: _Trouble, level: int) -> None:
        known = self._troubles.get((part, about))
        self._troubles[part, about] = trouble
        if known and known.summary == trouble.summary and known.ends == trouble.ends:
            return
        now, key = time.monotonic(), (part, about, trouble.summary)
        if now >= self._warned.get(key, now - timing.WARNING_THROTTLE) + timing.WARNING_THROTTLE:
            self._warned[key] = now
            self._log.log(level, "%s: %s. %s", part, trouble.summary, trouble.detail)


def _cause_first(item: Tuple[Tuple[str, str], _Trouble]) -> Tuple:
    key, _ = item
    return key[0] in CONSEQUENCES, key
