"""Stores up to which message each room's history was read (cursors), in StackStorm's datastore."""
import json
import os
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set

import eventlet

from hipchat.api.room_history import Cursor
from listening import timing
from listening.errors import ServiceUnavailable

__all__ = ["Cursors"]

BUCKETS = 64  # datastore keys; one key for all rooms would be too large, one per room too many
KEY = "hipchat_cursors_{:02d}"
OLD_FILE = "marks.json"  # in the spool directory: the cursors of version 0.2.0


class _Stored(NamedTuple):
    """A room's cursor as the datastore contains it.

    Attributes:
        subscribed: since when each event (HipChat's name) is subscribed in the room (Unix time,
            HipChat's clock); None in a cursor of version 0.2.0.
    """

    message_id: str
    sent_at: float
    subscribed: Optional[Dict[str, float]] = None

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.message_id, self.sent_at)


class Cursors:
    """Keeps two cursors (positions in the history) per room: in memory, and in the datastore.

    The next reading of the history starts at the cursor in memory. All messages before the stored
    cursor are dispatched. So if a spool is damaged or a machine is lost, the lost deliveries come
    after the stored cursor, and are read again.
    """

    def __init__(self, read_all: Callable[[Iterable[str]], Dict[str, str]],
                 write: Callable[[str, str], None], spool_directory: str):
        """Args:
            read_all: returns the values of the given datastore keys, without missing ones; raises
                ServiceUnavailable.
            write: stores a value under a datastore key; raises ServiceUnavailable.
            spool_directory: contains the cursors of version 0.2.0.
        """
        self._read_all, self._write = read_all, write
        self._old_file = os.path.join(spool_directory, OLD_FILE)
        self._read: Dict[int, Cursor] = {}
        self._stored: Dict[int, _Stored] = {}  # with changes that the next write() stores
        self._changed: Set[int] = set()  # buckets
        self._subscribed: Dict[int, Dict[str, float]] = {}

    def load(self, report: Callable[[str], None]) -> None:
        """Read the stored cursors.

        Args:
            report: called with a sentence for the operator if cursors cannot be read. The rooms of
                unreadable cursors count as new, and their missed messages are not dispatched.

        Raises:
            ServiceUnavailable: the datastore does not answer.
        """
        values = self._read_all(KEY.format(bucket) for bucket in range(BUCKETS))
        if not values:
            values = self._old_values(report)
            self._changed.update(range(BUCKETS) if values else ())
        self._stored = {}
        for key, value in values.items():
            try:
                self._stored.update({int(room_id): _stored(*stored)
                                     for room_id, stored in json.loads(value).items()})
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                report(f"{key} cannot be read: {error}. Messages that were posted in its rooms "
                       "while no sensor was active are not dispatched.")

    def rooms(self) -> List[int]:
        """Return the IDs of the rooms with a cursor."""
        return list({**self._stored, **self._read})

    def get(self, room_id: int) -> Optional[Cursor]:
        """Return the position at which a room's next reading starts; None for a new room."""
        stored = self._stored.get(room_id)
        return self._read.get(room_id) or (stored.cursor if stored else None)

    def set(self, room_id: int, cursor: Cursor, is_dispatched: bool) -> None:
        """Set a room's cursor in memory.

        Args:
            is_dispatched: True if all messages up to the cursor were dispatched. Then the stored
                cursor is set, too, as it is for a new room.
        """
        is_first = room_id not in self._stored
        if is_dispatched or is_first:
            self._store(room_id, _Stored(*cursor, self._subscribed.get(room_id)))
        if is_first:  # without this write, a restart would begin at the newest message
            self.write()
        self._read[room_id] = cursor

    def rewind(self) -> None:
        """Start the next reading of each room at its stored cursor."""
        self._read.clear()

    def forget(self, room_id: int) -> None:
        """Remove a room's cursors, so that it counts as new."""
        self._read.pop(room_id, None)
        if self._stored.pop(room_id, None):
            self._changed.add(room_id % BUCKETS)

    def subscribed(self) -> Dict[int, Dict[str, float]]:
        """Return since when each event is subscribed: stored Unix times by room ID and event."""
        return {room_id: stored.subscribed or {} for room_id, stored in self._stored.items()}

    def knows_subscribed(self, room_id: int) -> bool:
        """Return False if version 0.2.0 stored a room's cursor, without its subscribed events."""
        return room_id not in self._stored or self._stored[room_id].subscribed is not None

    def set_subscribed(self, subscribed: Dict[int, Dict[str, float]]) -> None:
        """Store since when each event is subscribed: Unix times by room ID and event."""
        self._subscribed = subscribed
        for room_id, stored in list(self._stored.items()):
            self._store(room_id, stored._replace(subscribed=subscribed.get(room_id, {})))

    def store_forever(self, is_waiting: Callable[[int], bool]) -> None:
        """Run for ever: store the cursor of a room once its deliveries are dispatched.

        Args:
            is_waiting: returns whether a delivery of a room (its ID) waits in the spool.
        """
        while True:
            eventlet.sleep(timing.CURSOR_WRITE_PERIOD)
            for room_id, cursor in list(self._read.items()):
                stored = self._stored.get(room_id)
                if (stored is None or stored.cursor != cursor) and not is_waiting(room_id):
                    self.set(room_id, cursor, is_dispatched=True)
            self.write()

    def write(self) -> None:
        """Write changed cursors to the datastore; if it does not answer, the next call does."""
        for bucket in sorted(self._changed):
            self._changed.discard(bucket)  # first: a change during the write must be written, too
            try:
                self._write(KEY.format(bucket), json.dumps({
                    room_id: stored for room_id, stored in self._stored.items()
                    if room_id % BUCKETS == bucket}))
            except ServiceUnavailable:  # the next dispatch sets the problem
                self._changed.add(bucket)
                return

    def _store(self, room_id: int, stored: _Stored) -> None:
        if self._stored.get(room_id) != stored:
            self._stored[room_id] = stored
            self._changed.add(room_id % BUCKETS)

    def _old_values(self, report: Callable[[str], None]) -> Dict[str, str]:
        """Return the path and content of version 0.2.0's file, like a key and value; or {}."""
        try:
            with open(self._old_file, encoding="utf-8", errors="replace") as file:
                return {self._old_file: file.read()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            report(f"{self._old_file} cannot be read: {error}. Messages that were posted while the "
                   "sensor was down are not dispatched.")
            return {}


def _stored(message_id: Any, sent_at: Any, subscribed: Any = None) -> _Stored:
    return _Stored(str(message_id), float(sent_at), None if subscribed is None else {
        str(event): float(since) for event, since in subscribed.items()})
