"""Throttles an expensive call whose callers we do not control."""
from typing import Callable, Dict, Optional

import eventlet

from listening import timing

__all__ = ["Throttle"]


class Throttle:
    """Calls a function with a room at once, then at most once in CHECK_THROTTLE; forgets none."""

    def __init__(self, function: Callable[[Optional[int]], None]):
        self._function = function
        self._again: Dict[Optional[int], bool] = {}  # rooms called for lately; call again?

    def __call__(self, room: Optional[int]) -> None:
        if room in self._again:
            self._again[room] = True
            return
        self._again[room] = False
        eventlet.spawn_after(timing.CHECK_THROTTLE, self._rested, room)
        self._function(room)

    def _rested(self, room: Optional[int]) -> None:
        if self._again.pop(room):
            self(room)
