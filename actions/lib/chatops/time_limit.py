"""Stops an untrusted regular expression or template that takes too much processor time."""
import signal
import sys
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, Optional

__all__ = ["TooSlow", "limited_time"]

AGAIN = 0.01  # seconds until the next check if another greenlet was running


class TooSlow(Exception):
    """The computation in a block of limited_time() took too long and was stopped."""


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """Raise TooSlow in a `with` block that takes more than `seconds` of processor time.

    The time is that of this process. A signal stops the block: Python handles signals while it
    computes, and also while its module `re` searches.
    """
    block = sys._getframe(2)

    def stop(signal_number: int, frame: Optional[FrameType]) -> None:
        while frame:
            if frame is block:
                raise TooSlow(f"it took more than {seconds} s")
            frame = frame.f_back
        # The block is not on the stack: another greenlet is running.
        signal.setitimer(signal.ITIMER_VIRTUAL, AGAIN)

    handler = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
