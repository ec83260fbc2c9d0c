"""Stops dispatching while StackStorm or HipChat is unreachable; only one room keeps trying."""
from typing import Callable, List, Optional

import eventlet

from listening import timing
from listening.backoff import Backoff
from listening.errors import ServiceUnavailable
from listening.operations.health import Health

__all__ = ["CircuitBreaker"]

SERVICES = ("broker", "database", "HipChat")  # a dispatch needs all three


class CircuitBreaker:
    """Lets all rooms dispatch while it is closed, and only one room (the probe) while it is open.

    The breaker opens when a dispatch raises ServiceUnavailable. The room whose delivery failed
    first is the probe: this room keeps trying, and the other rooms wait. The breaker closes as soon
    as an attempt of the probe ends without ServiceUnavailable, even with another error.
    """

    def __init__(self, queue_room: Callable[[int], None], health: Health):
        """Args:
            queue_room: puts a room ID into the queue of the workers that dispatch.
        """
        self._queue_room, self._health = queue_room, health
        self._is_open = False
        self._probe: Optional[int] = None  # the ID of the probing room; None: the next one served
        self._waiting: List[int] = []
        self._backoff = Backoff(timing.OUTAGE_RETRY_MAX)

    def holds_back(self, room_id: int) -> bool:
        """Return whether a room must wait; if so, queue the room when the breaker closes."""
        if self._probe in (None, room_id):
            return False
        self._waiting.append(room_id)
        return True

    def open(self, room_id: int, outage: ServiceUnavailable) -> None:
        """Open the breaker, because dispatching a delivery of a room raised ServiceUnavailable."""
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
        """Choose another probe if this room, which is paused and cannot dispatch, is the probe."""
        if self._probe == room_id:
            self._probe = self._waiting.pop(0) if self._waiting else None
            if self._probe is not None:
                self._queue_room(self._probe)

    def close(self, room_id: int) -> None:
        """If this room is the probe, close the breaker and queue the waiting rooms."""
        if not self._is_open or self._probe not in (None, room_id):
            return
        self._is_open, self._probe = False, None
        self._backoff.succeeded()
        for part in SERVICES:
            self._health.clear_problem(part, about="outage")
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._queue_room(each)
