"""How the sensor is: counters and troubles, told in /health and, once each, in the log."""
import logging
import time
from collections import Counter
from typing import Any, Callable, Dict, Tuple

__all__ = ["Health"]

WARN_EVERY = 60.0  # seconds between two warnings of a trouble that comes and goes


class Health:
    """Troubles by part ("broker", "HipChat", "spool", "listener"), and counts of deliveries."""

    def __init__(self, log: logging.Logger):
        self._log = log
        self._started = time.monotonic()
        self._troubles: Dict[str, str] = {}
        self._warned: Dict[Tuple[str, str], float] = {}
        self._sources: Dict[str, Callable[[], Any]] = {}
        self.accepted = 0
        self.dispatched = 0
        self.dropped: Counter = Counter()

    def trouble(self, part: str, summary: str, detail: str) -> None:
        """A part is in trouble. Logged when it begins or its summary changes, not each time.

        summary: words for /health, which anybody can read; detail: for the operator's log.
        """
        if self._troubles.get(part) == summary:
            return
        self._troubles[part] = summary
        now = time.monotonic()
        if now >= self._warned.get((part, summary), now - WARN_EVERY) + WARN_EVERY:
            self._warned[part, summary] = now
            self._log.warning("%s: %s. %s", part, summary, detail)

    def well(self, part: str) -> None:
        """A part works; logged if it did not before."""
        if self._troubles.pop(part, None) is not None:
            self._log.info("%s: works again.", part)

    def also(self, **sources: Callable[[], Any]) -> None:
        """More keys for the report, each with the function that tells its value."""
        self._sources.update(sources)

    def report(self) -> Dict[str, Any]:
        """The answer of /health: no room, no user, no URL is in it; times in seconds."""
        return dict({
            "status": "degraded" if self._troubles else "ok",
            "reasons": ["{}: {}".format(*trouble) for trouble in sorted(self._troubles.items())],
            "uptime": round(time.monotonic() - self._started),
            "accepted": self.accepted,
            "dispatched": self.dispatched,
            "dropped": dict(self.dropped),
        }, **{key: source() for key, source in self._sources.items()})
