"""Keeps the cursors: up to which message each room's history was read, and dispatched."""
from typing import Callable, Dict, List, Optional

import eventlet

from hipchat.api.room_history import Cursor
from listening import timing
from listening.history.cursor_store import CursorStore, StoredCursor

__all__ = ["Cursors"]


class Cursors:
    """Keeps two cursors (positions in the history) for each room: one in memory, one in a store.

    The next reading of the history starts at the cursor in memory. All messages before the stored
    cursor are dispatched. So if a spool is damaged or a machine is lost, the lost deliveries come
    after the stored cursor, and are read again.
    """

    def __init__(self, store: CursorStore):
        self._store = store
        self._read: Dict[int, Cursor] = {}
        self._subscribed: Dict[int, Dict[str, float]] = {}

    def load(self, report: Callable[[str], None]) -> None:
        """Read the cursors from the store.

        Args:
            report: called with a sentence for the operator if cursors cannot be read. The rooms of
                unreadable cursors count as new.

        Raises:
            ServiceUnavailable: the store does not answer.
        """
        self._store.load(report)

    def rooms(self) -> List[int]:
        """Return the IDs of the rooms with a cursor."""
        return list({**self._store.cursors, **self._read})

    def get(self, room_id: int) -> Optional[Cursor]:
        """Return the position at which a room's next reading starts; None for a new room."""
        stored = self._store.cursors.get(room_id)
        return self._read.get(room_id) or (stored.cursor if stored else None)

    def set(self, room_id: int, cursor: Cursor, is_dispatched: bool) -> None:
        """Set a room's cursor in memory.

        Args:
            is_dispatched: True if all messages up to the cursor were dispatched. Then the cursor is
                also set in the store, as it is for a new room.
        """
        is_first = room_id not in self._store.cursors
        if is_dispatched or is_first:
            self._store.set(room_id, StoredCursor(*cursor, self._subscribed.get(room_id)))
        if is_first:  # without this write, a restart would begin at the newest message
            self._store.write()
        self._read[room_id] = cursor

    def rewind(self) -> None:
        """Start the next reading of each room at its stored cursor."""
        self._read.clear()

    def forget(self, room_id: int) -> None:
        """Remove a room's cursors, so that it counts as new."""
        self._store.set(room_id, None)
        self._read.pop(room_id, None)

    def subscribed(self) -> Dict[int, Dict[str, float]]:
        """Return since when each event is subscribed: stored Unix times by room ID and event."""
        return {room_id: stored.subscribed or {} for room_id, stored in self._store.cursors.items()}

    def knows_subscribed(self, room_id: int) -> bool:
        """Return False if version 0.2.0 stored a room's cursor, without its subscribed events."""
        stored = self._store.cursors.get(room_id)
        return stored is None or stored.subscribed is not None

    def set_subscribed(self, subscribed: Dict[int, Dict[str, float]]) -> None:
        """Store since when each event is subscribed: Unix times by room ID and event."""
        self._subscribed = subscribed
        for room_id, stored in list(self._store.cursors.items()):
            self._store.set(room_id, stored._replace(subscribed=subscribed.get(room_id, {})))

    def store_forever(self, is_waiting: Callable[[int], bool]) -> None:
        """Run for ever: store the cursor of a room once its deliveries are dispatched.

        Args:
            is_waiting: returns whether a delivery of a room (its ID) waits in the spool.
        """
        while True:
            eventlet.sleep(timing.CURSOR_WRITE_PERIOD)
            for room_id, cursor in list(self._read.items()):
                stored = self._store.cursors.get(room_id)
                if (stored is None or stored.cursor != cursor) and not is_waiting(room_id):
                    self.set(room_id, cursor, is_dispatched=True)
            self._store.write()

    def write(self) -> None:
        """Write changed cursors to the store."""
        self._store.write()
