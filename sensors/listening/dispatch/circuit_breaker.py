"""What happens while StackStorm takes nothing: one room tries for all."""
from typing import Callable, List, Optional

import eventlet

from listening import timing
from listening.backoff import Backoff
from listening.errors import ServiceUnavailable
from listening.operations.health import Health

__all__ = ["CircuitBreaker"]

SERVICES = ("broker", "database", "HipChat")  # what may be unavailable


class CircuitBreaker:
    """Open while a service is unavailable: the other rooms wait, and one probes now and then.

    The probe is the room whose delivery failed first. Whatever else becomes of its next delivery,
    the breaker closes, and all rooms go on.
    """

    def __init__(self, queue_room: Callable[[int], None], health: Health):
        """Args:
            queue_room: Lets a worker attend to a room.
        """
        self._queue_room, self._health = queue_room, health
        self._is_open = False
        self._probe: Optional[int] = None  # the room that probes; None: the next that comes
        self._waiting: List[int] = []
        self._backoff = Backoff(timing.OUTAGE_RETRY_MAX)

    def holds_back(self, room_id: int) -> bool:
        """Tell whether a room must wait; then it is queued when the breaker closes."""
        if self._probe in (None, room_id):
            return False
        self._waiting.append(room_id)
        return True

    def open(self, room_id: int, outage: ServiceUnavailable) -> None:
        """Let all rooms wait, since a delivery of this one found a service unavailable."""
        self._health.set_problem(outage.part, outage.summary, outage.detail, about="outage")
        for part in SERVICES:
            if part != outage.part:
                self._health.clear_problem(part, about="outage")
        self._is_open = True
        if self.holds_back(room_id):
            return
        self._probe = room_id
        eventlet.spawn_after(self._backoff.failed(), self._queue_room, room_id)

    def pass_on(self, room_id: int) -> None:
        """Let another room probe if this one, which is paused, was to do it."""
        if self._probe == room_id:
            self._probe = self._waiting.pop(0) if self._waiting else None
            if self._probe is not None:
                self._queue_room(self._probe)

    def close(self, room_id: int) -> None:
        """Let all rooms go on if this one was the probe."""
        if not self._is_open or self._probe not in (None, room_id):
            return
        self._is_open, self._probe = False, None
        self._backoff.succeeded()
        for part in SERVICES:
            self._health.clear_problem(part, about="outage")
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._queue_room(each)
