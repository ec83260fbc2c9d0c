"""HipChat's rate limit, as its answers announce it."""
import time
from email.utils import parsedate_to_datetime
from typing import Mapping, NamedTuple, Optional

__all__ = ["CallBudget", "RateLimit", "server_time"]

DEFAULT_WAIT = 300.0  # HipChat's window; what is waited where it announces no time
LEAST_WAIT = 1.0  # seconds; ends of windows are rounded to them, and clocks differ by some
LONGEST_WAIT = 3600.0
_RELATIVE_BELOW = 1e6  # a smaller number is no date of HipChat's time but seconds from now


class RateLimit(NamedTuple):
    """What one answer announced.

    limit, remaining: calls in the window, None where not announced; reset_in: seconds until the
    window ends, DEFAULT_WAIT where that is not announced, or has passed. Source: X-Ratelimit-* and
    X-FloodControl-* of HipChat's API v2, whose Reset was seen as an integer, as a float and as
    seconds from now.
    """

    limit: Optional[int]
    remaining: Optional[int]
    reset_in: float

    @classmethod
    def announced_by(cls, headers: Mapping[str, str]) -> "RateLimit":
        """Read an answer's headers; with two limits, the later end of the two counts."""
        now = server_time(headers)
        resets = [_seconds_until(headers.get(kind + "-Reset"), now)
                  for kind in ("X-Ratelimit", "X-FloodControl")]
        return cls(_integer(headers.get("X-Ratelimit-Limit")),
                   _integer(headers.get("X-Ratelimit-Remaining")),
                   max((reset for reset in resets if reset is not None), default=DEFAULT_WAIT))


class CallBudget:
    """Keeps the calls of one client within a part of what HipChat allows its token.

    share: 0.2 for a fifth. Where HipChat announces no limit, nothing is held back.
    """

    def __init__(self, share: float):
        self._share = share
        self._spent = 0
        self._window_ends = 0.0
        self._announced: Optional[RateLimit] = None

    def spend(self) -> None:
        """Account for one call; sleep first if the part is used up in this window."""
        pause = self._pause()
        while pause:  # others may have spent what there was meanwhile
            time.sleep(pause)
            pause = self._pause()
        if time.monotonic() >= self._window_ends:
            # Until an answer announces the end of the new window, nothing is known of it.
            self._spent, self._window_ends, self._announced = 0, float("inf"), None
        self._spent += 1

    def learn(self, announced: RateLimit) -> None:
        """Take what an answer announced."""
        self._announced = announced
        self._window_ends = min(self._window_ends,
                                time.monotonic() + max(announced.reset_in, LEAST_WAIT))

    def pace(self) -> float:
        """Seconds from call to call that use the part up evenly; 0 where there is no limit."""
        limit = self._announced.limit if self._announced else None
        return DEFAULT_WAIT / self._allowed(limit) if limit is not None else 0.0

    def _allowed(self, limit: int) -> int:
        return max(1, round(limit * self._share))

    def _pause(self) -> float:
        if self._announced is None or self._announced.limit is None:
            return 0.0
        if self._announced.remaining != 0 and (
                self._spent < self._allowed(self._announced.limit)):
            return 0.0
        return max(0.0, self._window_ends - time.monotonic())


def server_time(headers: Mapping[str, str]) -> float:
    """Seconds since 1970 by the server's clock, which may differ from ours; ours if not told."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return time.time()


def _seconds_until(reset: Optional[str], now: float) -> Optional[float]:
    try:
        value = float(reset)
    except (TypeError, ValueError):
        return None
    if value != value:
        return None
    seconds = value if value < _RELATIVE_BELOW else value - now
    # Of a time that has just passed, whole seconds may hide that it is now.
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds > -LEAST_WAIT else None


def _integer(text: Optional[str]) -> Optional[int]:
    try:
        return int(float(text))
    except (TypeError, ValueError, OverflowError):
        return None
