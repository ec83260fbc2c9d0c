"""Reads the rate limit that HipChat announces, and keeps calls within a share of it."""
import math
import time
from email.utils import parsedate_to_datetime
from typing import Mapping, NamedTuple, Optional

from hipchat import timing

__all__ = ["CallBudget", "RateLimit", "server_time"]

# A smaller value of the header X-Ratelimit-Reset is not a Unix time but seconds from now.
_RELATIVE_BELOW = 1e6


class RateLimit(NamedTuple):
    """The rate limit that a response announces in its headers X-Ratelimit-* and X-FloodControl-*.

    HipChat counts the calls in a window of time. The headers X-Ratelimit-Reset and
    X-FloodControl-Reset contain the window's end as Unix time or, below 1e6, in seconds from now.

    Attributes:
        limit, remaining: the calls that HipChat allows in the window, and those that are left; None
            if they are not announced.
        reset_in: seconds until the window ends; timing.RATE_WINDOW if its end is not announced, or
            is past.
    """

    limit: Optional[int]
    remaining: Optional[int]
    reset_in: float

    @classmethod
    def announced_by(cls, headers: Mapping[str, str]) -> "RateLimit":
        """Read the rate limit from the headers of a response.

        If the two kinds of headers announce different ends, the later end counts.
        """
        now = server_time(headers)
        resets = [_seconds_until(headers.get(kind + "-Reset"), now)
                  for kind in ("X-Ratelimit", "X-FloodControl")]
        return cls(
            limit=_integer(headers.get("X-Ratelimit-Limit")),
            remaining=_integer(headers.get("X-Ratelimit-Remaining")),
            reset_in=max((reset for reset in resets if reset is not None),
                         default=timing.RATE_WINDOW))


class CallBudget:
    """Delays a client's calls, so that they use only a share of the token's rate limit.

    The rest is for other users of the token. Without an announced limit, calls are not delayed.

    Args:
        share: above 0, at most 1; 0.2 stands for a fifth of the calls that HipChat allows.
    """

    def __init__(self, share: float):
        self._share = share
        self._spent = 0
        self._window_ends = 0.0
        self._announced: Optional[RateLimit] = None

    def spend(self) -> None:
        """Count one call; if this window's share is used up, wait for the next window first."""
        pause = self._pause()
        while pause:  # another greenlet may have used the calls during the sleep
            time.sleep(pause)
            pause = self._pause()
        if time.monotonic() >= self._window_ends:
            # The end of the new window is unknown until a response announces it.
            self._spent, self._window_ends, self._announced = 0, float("inf"), None
        self._spent += 1

    def learn(self, announced: RateLimit) -> None:
        """Note the rate limit that the last response announced."""
        self._announced = announced
        self._window_ends = min(self._window_ends,
                                time.monotonic() + max(announced.reset_in, timing.RATE_DELAY_MIN))

    def pace(self) -> float:
        """Return the seconds between calls that spread the share evenly; 0 without a limit."""
        limit = self._announced.limit if self._announced else None
        return timing.RATE_WINDOW / self._allowed(limit) if limit is not None else 0.0

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
    """Return the Unix time in the header Date; this host's time if there is no valid Date."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return time.time()


def _seconds_until(reset: Optional[str], now: float) -> Optional[float]:
    """Return the seconds from `now`, by HipChat's clock, to a -Reset; None if unknown or past."""
    value = _float(reset)
    if value is None or math.isnan(value):
        return None
    seconds = value if value < _RELATIVE_BELOW else value - now
    # A Reset in whole seconds may be up to a second before the window's end.
    if seconds <= -timing.RATE_DELAY_MIN:
        return None
    return min(max(seconds, 0.0), timing.RATE_DELAY_MAX)


def _integer(text: Optional[str]) -> Optional[int]:
    value = _float(text)
    return int(value) if value is not None and math.isfinite(value) else None


def _float(text: Optional[str]) -> Optional[float]:
    try:
        return float(text or "")
    except ValueError:
        return None
