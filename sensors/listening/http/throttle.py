"""A call that costs something, wanted by whom nobody can hold back."""
from typing import Callable, Dict, Optional

import eventlet

__all__ = ["Throttle"]

EVERY = 60.0  # seconds


class Throttle:
    """Calls a function with a room at once, and then once in EVERY at most; none is forgotten."""

    def __init__(self, function: Callable[[Optional[int]], None]):
        self._function = function
        self._again: Dict[Optional[int], bool] = {}  # rooms told lately, and whether to tell again

    def __call__(self, room: Optional[int]) -> None:
        if room in self._again:
            self._again[room] = True
            return
        self._again[room] = False
        eventlet.spawn_after(EVERY, self._rested, room)
        self._function(room)

    def _rested(self, room: Optional[int]) -> None:
        if self._again.pop(room):
            self(room)
