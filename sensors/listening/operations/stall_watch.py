"""Detects that this process stood still, because it was stopped or its machine was paused."""
import time
from typing import Callable

import eventlet

from listening import timing

__all__ = ["watch_stalls"]


def watch_stalls(request_check: Callable[[], None]) -> None:
    """Detect stalls of this process for ever, and have all histories read after each.

    Args:
        request_check: reads all rooms' histories; called after a stall that was long enough to
            lose deliveries.
    """
    while True:
        began = time.monotonic()
        eventlet.sleep(timing.STALL_PERIOD)
        if time.monotonic() - began > timing.STALL_PERIOD + timing.STALL_DELAY:
            request_check()
