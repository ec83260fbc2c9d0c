"""Stores up to which message each room's history was read (cursors), in StackStorm's datastore."""
import json
import os
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

import eventlet

from hipchat.api.room_history import Cursor
from listening import timing
from listening.errors import ServiceUnavailable

__all__ = ["Cursors"]

BUCKETS = 64  # datastore keys; one key for all rooms would be too large, one per room too many
KEY = "hipchat_cursors_{:02d}"
OLD_FILE = "marks.json"  # in the spool directory: the cursors of version 0.2.0

EventTimes = Dict[str, float]  # Unix times (HipChat's clock) by event (HipChat's name)


class Cursors:
    """Keeps two cursors (positions in the history) per room: in memory, and in the datastore.

    The next reading of the history starts at the cursor in memory. All messages before the stored
    cursor are dispatched. So if a spool is damaged or a machine is lost, the lost deliveries come
    after the stored cursor, and are read again.

    Attributes:
        subscribed: since when events are subscribed, by room ID; without the rooms whose cursors
            version 0.2.0 stored. To change it, call set_subscribed().
        rewinds: the number of rewind() calls.
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
        self._stored: Dict[int, Cursor] = {}  # with changes that the next write() stores
        self._changed: Set[int] = set()  # buckets
        self.subscribed: Dict[int, EventTimes] = {}
        self.rewinds = 0

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
        self._stored, self.subscribed = {}, {}
        for key, value in values.items():
            try:
                rooms = {int(room_id): _room(*room) for room_id, room in json.loads(value).items()}
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                report(f"{key} cannot be read: {error}. Messages that were posted in its rooms "
                       "while no sensor was active are not dispatched.")
                continue
            for room_id, (cursor, subscribed) in rooms.items():
                self._stored[room_id] = cursor
                if subscribed is not None:
                    self.subscribed[room_id] = subscribed

    def rooms(self) -> List[int]:
        """Return the IDs of the rooms with a cursor."""
        return list(self._stored)

    def get(self, room_id: int) -> Optional[Cursor]:
        """Return the position at which a room's next reading starts; None for a new room."""
        return self._read.get(room_id) or self._stored.get(room_id)

    def set(self, room_id: int, cursor: Cursor, is_dispatched: bool) -> None:
        """Set a room's cursor in memory.

        Args:
            is_dispatched: True if all messages up to the cursor were dispatched. Then the stored
                cursor is set, too, as it is for a new room.
        """
        is_first = room_id not in self._stored
        if is_first or is_dispatched and self._stored[room_id] != cursor:
            self._stored[room_id] = cursor
            self._changed.add(room_id % BUCKETS)
        if is_first:  # without this write, a restart would begin at the newest message
            self.write()
        self._read[room_id] = cursor

    def rewind(self) -> None:
        """Start the next reading of each room at its stored cursor."""
        self._read.clear()
        self.rewinds += 1

    def forget(self, room_id: int) -> None:
        """Remove a room's cursors, so that it counts as new."""
        self._read.pop(room_id, None)
        if self._stored.pop(room_id, None):
            self._changed.add(room_id % BUCKETS)

    def knows_subscribed(self, room_id: int) -> bool:
        """Return False if version 0.2.0 stored a room's cursor, without its subscribed events."""
        return room_id not in self._stored or room_id in self.subscribed

    def set_subscribed(self, subscribed: Dict[int, EventTimes]) -> None:
        """Store since when events are subscribed, by room ID."""
        subscribed = {**{room_id: {} for room_id in self._stored}, **subscribed}
        self._changed.update(room_id % BUCKETS for room_id in self._stored
                             if subscribed[room_id] != self.subscribed.get(room_id))
        self.subscribed = subscribed

    def store_forever(self, is_waiting: Callable[[int], bool]) -> None:
        """Run for ever: store the cursor of a room once its deliveries are dispatched.

        Args:
            is_waiting: returns whether a delivery of a room (its ID) waits in the spool.
        """
        while True:
            eventlet.sleep(timing.CURSOR_WRITE_PERIOD)
            for room_id, cursor in list(self._read.items()):
                if self._stored[room_id] != cursor and not is_waiting(room_id):
                    self.set(room_id, cursor, is_dispatched=True)
            self.write()

    def write(self) -> None:
        """Write changed cursors to the datastore; if it does not answer, the next call does."""
        for bucket in sorted(self._changed):
            self._changed.discard(bucket)  # first: a change during the write must be written, too
            try:
                self._write(KEY.format(bucket), json.dumps({
                    room_id: (*cursor, self.subscribed.get(room_id))
                    for room_id, cursor in self._stored.items() if room_id % BUCKETS == bucket}))
            except ServiceUnavailable:  # the next dispatch sets the problem
                self._changed.add(bucket)
                return

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


def _room(message_id: Any, sent_at: Any,
          subscribed: Any = None) -> Tuple[Cursor, Optional[EventTimes]]:
    return Cursor(str(message_id), float(sent_at)), None if subscribed is None else {
        str(event): float(since) for event, since in subscribed.items()}
