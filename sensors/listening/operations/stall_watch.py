"""Notices that this process stood still: stopped, or in a paused virtual machine."""
import time
from typing import Callable

import eventlet

from listening import timing

__all__ = ["watch_stalls"]


def watch_stalls(stalled: Callable[[], None]) -> None:
    """Run for ever.

    Args:
        stalled: called after a standstill during which deliveries may have been given up.
    """
    while True:
        began = time.monotonic()
        eventlet.sleep(timing.STALL_PERIOD)
        if time.monotonic() - began > timing.STALL_PERIOD + timing.STALL_DELAY:
            stalled()
