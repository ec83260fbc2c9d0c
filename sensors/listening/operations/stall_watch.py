"""Detects that this process was stopped, or its virtual machine paused."""
import time
from typing import Callable

import eventlet

from listening import timing

__all__ = ["watch_stalls"]


def watch_stalls(stalled: Callable[[], None]) -> None:
    """Run for ever, and detect stalls of this process.

    Args:
        stalled: called after a stall that was long enough to lose deliveries.
    """
    while True:
        began = time.monotonic()
        eventlet.sleep(timing.STALL_PERIOD)
        if time.monotonic() - began > timing.STALL_PERIOD + timing.STALL_DELAY:
            stalled()
