"""Limits the time of untrusted computations, such as a format's or a template's."""
import signal
import sys
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, Optional

__all__ = ["TooSlow", "limited_time"]

AGAIN = 0.01  # seconds until one looks again whether the computation runs


class TooSlow(Exception):
    """A computation has taken too long, and was stopped."""


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block after so many seconds of this process's time.

    Python looks for signals while it computes, and so does re while it searches.
    """
    block = sys._getframe(2)

    def stop(number: int, frame: Optional[FrameType]) -> None:
        while frame:
            if frame is block:
                raise TooSlow(f"it took more than {seconds} s")
            frame = frame.f_back
        # Another greenlet runs, which has done nothing wrong.
        signal.setitimer(signal.ITIMER_VIRTUAL, AGAIN)

    handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
