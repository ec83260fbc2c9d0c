"""Limits how often a function is called for a room, because anybody can cause the calls."""
from typing import Callable, Dict, Optional

import eventlet

from listening import timing

__all__ = ["Throttle"]


class Throttle:
    """Calls a function at most once in CHECK_THROTTLE for each room.

    The first call is immediate. All further calls within CHECK_THROTTLE become one call, at the
    end of that time. Room ID None (all rooms) counts as a room of its own.
    """

    def __init__(self, function: Callable[[Optional[int]], None]):
        self._function = function
        self._is_repeated: Dict[Optional[int], bool] = {}  # rooms called in the last CHECK_THROTTLE

    def __call__(self, room_id: Optional[int]) -> None:
        if room_id in self._is_repeated:
            self._is_repeated[room_id] = True
            return
        self._is_repeated[room_id] = False
        eventlet.spawn_after(timing.CHECK_THROTTLE, self._end_interval, room_id)
        self._function(room_id)

    def _end_interval(self, room_id: Optional[int]) -> None:
        if self._is_repeated.pop(room_id):
            self(room_id)
