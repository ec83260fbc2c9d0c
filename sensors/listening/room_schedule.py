"""Schedules rooms: which room is served next and when, and the delay after a failure."""
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional

from listening import timing
from listening.backoff import Backoff
from listening.wakeup import WakeUp

__all__ = ["RoomSchedule"]

NEVER = float("inf")


@dataclass
class _Entry:
    backoff: Backoff
    due_at: float = 0.0  # time.monotonic(); NEVER while the room is served


class RoomSchedule:
    """Chooses the room to serve next, for one greenlet that serves rooms one after the other.

    "Serve" is what the greenlet does for a room: reconcile its webhooks, or read its history.

        while True:
            room_id = schedule.next()
            if room_id is None:
                schedule.wait(timing.AUDIT_PERIOD)
            else:
                serve(room_id)  # which calls succeeded() or failed() for the room

    A new room is due immediately. Of the due rooms, the one with the lowest priority comes first,
    then the one that has been due for longest. A room that is requested while it is served is
    served once more.
    """

    def __init__(self, retry_max: float, priority: Callable[[int], Any] = lambda room_id: 0):
        """Args:
            retry_max: the longest delay, in seconds, before a failed room is served again.
            priority: called with the ID of a due room, returns the room's sort key; the room with
                the lowest key is served first.
        """
        self._retry_max, self._priority = retry_max, priority
        self._entries: Dict[int, _Entry] = {}
        self._wake_up = WakeUp()
        self._order: List[int] = []  # the due rooms at the last sorting; the last one is next
        self._order_ends = 0.0
        self._is_changed = True
        self._serving: Optional[int] = None

    @property
    def is_stale(self) -> bool:
        """True if next() will sort the rooms again: after wake(), and every ROOM_ORDER_KEPT."""
        return self._is_changed or not self._order or time.monotonic() >= self._order_ends

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._entries))

    def __contains__(self, room_id: int) -> bool:
        return room_id in self._entries

    def add(self, room_id: int, retry_max: Optional[float] = None) -> None:
        """Add a room unless it is in the schedule; `retry_max` replaces the schedule's."""
        self._entries.setdefault(room_id, _Entry(Backoff(retry_max or self._retry_max)))

    def remove(self, room_id: int) -> None:
        self._entries.pop(room_id, None)

    def due_at(self, room_id: int) -> float:
        """Return when a room is due (time.monotonic())."""
        return self._entries[room_id].due_at

    def is_due(self, room_id: int) -> bool:
        return self.due_at(room_id) <= time.monotonic()

    def set_due(self, room_id: int, due_at: float) -> None:
        """Set when a room is due (time.monotonic())."""
        self._entries[room_id].due_at = due_at

    def set_due_by(self, room_id: int, due_at: float) -> None:
        """Make a room due at `due_at` (time.monotonic()), unless the room is due earlier."""
        self.set_due(room_id, min(self.due_at(room_id), due_at))

    def request(self, room_id: int) -> None:
        """Make a room due now, and wake the greenlet that waits in wait()."""
        self.set_due(room_id, 0.0)
        self.wake()

    def succeeded(self, room_id: int, period: float) -> None:
        """Note that a room was served; serve it again in `period` seconds."""
        self._entries[room_id].backoff.succeeded()
        self._served(room_id, period)

    def failed(self, room_id: int, at_least: float = 0.0) -> None:
        """Note that a room could not be served; serve it again after its backoff.

        Args:
            at_least: the shortest delay, in seconds, even if the backoff's is shorter.
        """
        self._served(room_id, max(self._entries[room_id].backoff.failed(), at_least))

    def next(self) -> Optional[int]:
        """Return the ID of the room to serve now; None if no room is due."""
        if self._serving in self._entries:  # the caller was killed while it served the room
            self._served(self._serving, self._retry_max)
        if self.is_stale:  # sorting thousands of rooms for each call would cost too much
            self._is_changed = False
            self._order = sorted(
                filter(self.is_due, self._entries),
                key=lambda each: (self._priority(each), self.due_at(each)))[::-1]
            self._order_ends = time.monotonic() + timing.ROOM_ORDER_KEPT
        while self._order:
            room_id = self._order.pop()
            if room_id in self._entries and self.is_due(room_id):
                self._serving = room_id
                self.set_due(room_id, NEVER)
                return room_id
        return None

    def wake(self) -> None:
        """Wake the greenlet from wait() or wait_for_wake(), and let next() sort the rooms again."""
        self._is_changed = True
        self._wake_up.set()

    def wait_for_wake(self) -> None:
        self._wake_up.wait()

    def wait(self, seconds: float) -> None:
        """Wait until a room is due or wake() is called, but at most `seconds`."""
        due_at = min((entry.due_at for entry in self._entries.values()), default=NEVER)
        self._wake_up.wait(min(due_at - time.monotonic(), seconds))

    def _served(self, room_id: int, period: float) -> None:
        self._serving = None
        self.set_due_by(room_id, time.monotonic() + period)
