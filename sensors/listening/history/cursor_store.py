"""Stores up to which message each room's history was read (cursors), in StackStorm's datastore."""
import json
import os
from typing import Any, Callable, Dict, Iterable, NamedTuple, Optional, Set

from hipchat.api.room_history import Cursor
from listening.errors import ServiceUnavailable

__all__ = ["CursorStore", "StoredCursor"]

BUCKETS = 64  # datastore keys; one key for all rooms would be too large, one per room too many
KEY = "hipchat_cursors_{:02d}"
OLD_FILE = "marks.json"  # in the spool directory: the cursors of version 0.2.0


class StoredCursor(NamedTuple):
    """The last message of a room that was read and dispatched, and the room's subscribed events.

    Attributes:
        message_id: the ID of that message; "" if the room had no message.
        sent_at: when that message was sent (Unix time, HipChat's clock).
        subscribed: for each event (HipChat's name) that rules need in the room, since when (Unix
            time, HipChat's clock); None in a cursor of version 0.2.0.
    """

    message_id: str
    sent_at: float
    subscribed: Optional[Dict[str, float]] = None

    @property
    def cursor(self) -> Cursor:
        """The position in the history, without the subscribed events."""
        return Cursor(self.message_id, self.sent_at)


class CursorStore:
    """Stores cursors in the datastore, where a sensor on another machine can read them.

    Attributes:
        cursors: the cursors by room ID, including changes that the next write() stores.
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
        self.cursors: Dict[int, StoredCursor] = {}
        self._changed: Set[int] = set()  # buckets

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
        self.cursors = {}
        for key, value in values.items():
            try:
                self.cursors.update(_cursors(value))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                report(f"{key} cannot be read: {error}. Messages that were posted in its rooms "
                       "while no sensor was active are not dispatched.")

    def set(self, room_id: int, cursor: Optional[StoredCursor]) -> None:
        """Set a room's cursor, which the next write() stores.

        Args:
            cursor: None to remove the room's cursor.
        """
        if self.cursors.get(room_id) == cursor:
            return
        if cursor:
            self.cursors[room_id] = cursor
        else:
            del self.cursors[room_id]
        self._changed.add(room_id % BUCKETS)

    def write(self) -> None:
        """Store changed cursors.

        If the datastore does not answer, they stay marked as changed for the next call; nothing is
        raised.
        """
        for bucket in sorted(self._changed):
            self._changed.discard(bucket)  # first: a change during the write must be written, too
            try:
                self._write(KEY.format(bucket), json.dumps({
                    room_id: cursor for room_id, cursor in self.cursors.items()
                    if room_id % BUCKETS == bucket}))
            except ServiceUnavailable:  # the next dispatch sets the problem
                self._changed.add(bucket)
                return

    def _old_values(self, report: Callable[[str], None]) -> Dict[str, str]:
        """Read the file in which version 0.2.0 stored the cursors.

        Args:
            report: called with a sentence for the operator if the file exists and cannot be read.

        Returns:
            The file's path and content, as one key and value, like a key and value of the
            datastore; {} if the file is missing or cannot be read.
        """
        try:
            with open(self._old_file, encoding="utf-8", errors="replace") as file:
                return {self._old_file: file.read()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            report(f"{self._old_file} cannot be read: {error}. Messages that were posted while the "
                   "sensor was down are not dispatched.")
            return {}


def _cursors(text: str) -> Dict[int, StoredCursor]:
    return {int(room_id): _cursor(*stored) for room_id, stored in json.loads(text).items()}


def _cursor(message_id: Any, sent_at: Any, subscribed: Any = None) -> StoredCursor:
    return StoredCursor(str(message_id), float(sent_at), None if subscribed is None else {
        str(event): float(since) for event, since in subscribed.items()})
