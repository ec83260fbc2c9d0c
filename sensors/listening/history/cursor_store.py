"""Stores how far each room's history was read, in StackStorm's datastore."""
import json
import os
from typing import Any, Callable, Dict, Iterable, NamedTuple, Optional, Set

from hipchat.api.room_history import Cursor
from listening.errors import ServiceUnavailable

__all__ = ["CursorStore", "StoredCursor"]

BUCKETS = 64  # keys in the datastore: one value for all rooms is large, one for each room too many
KEY = "hipchat_cursors_{:02d}"
OLD_FILE = "marks.json"  # beside the spool: where version 0.2.0 stored them


class StoredCursor(NamedTuple):
    """How far a room's history was read and dispatched, and what was subscribed then.

    Attributes:
        subscribed: HipChat's names of the events, each with the time since when it is subscribed
            (Unix time, HipChat's clock); None where version 0.2.0 stored the cursor.
    """

    message_id: str
    sent_at: float
    subscribed: Optional[Dict[str, float]] = None

    @property
    def cursor(self) -> Cursor:
        """The position in the history."""
        return Cursor(self.message_id, self.sent_at)


class CursorStore:
    """Stores cursors, so that another machine can go on from them.

    Args:
        read_all: returns the values of those datastore keys that have one.
        write: stores a value under a datastore key. Both raise ServiceUnavailable.
        spool_directory: where version 0.2.0 stored cursors.
    """

    def __init__(self, read_all: Callable[[Iterable[str]], Dict[str, str]],
                 write: Callable[[str, str], None], spool_directory: str):
        self._read_all, self._write = read_all, write
        self._old_file = os.path.join(spool_directory, OLD_FILE)
        self._cursors: Dict[int, StoredCursor] = {}
        self._changed: Set[int] = set()  # buckets

    def load(self, report: Callable[[str], None]) -> Dict[int, StoredCursor]:
        """Return the stored cursors by room ID.

        Args:
            report: Called with a sentence for the operator where some cannot be read. Then their
                rooms begin as if they were seen for the first time.

        Raises:
            ServiceUnavailable: The datastore does not answer.
        """
        values = self._read_all(KEY.format(bucket) for bucket in range(BUCKETS))
        if not values:
            values = self._old_values(report)
            self._changed.update(range(BUCKETS) if values else ())
        found: Dict[int, StoredCursor] = {}
        for name, value in values.items():
            try:
                found.update(_cursors(value))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                report(f"{name} cannot be read: {error}. What was posted in its rooms before now, "
                       "while no sensor was active, is not fetched.")
        self._cursors = found
        return dict(found)

    def save(self, cursors: Dict[int, StoredCursor], changed: Set[int]) -> None:
        """Take cursors, to be stored by the next write().

        Args:
            cursors: All that there are.
            changed: The rooms whose cursors are others than at the last call, or gone.
        """
        self._cursors = cursors
        self._changed.update(room_id % BUCKETS for room_id in changed)

    def write(self) -> None:
        """Store what has changed. What the datastore does not take now is stored later."""
        try:
            for bucket in sorted(self._changed):
                self._write(KEY.format(bucket), json.dumps({
                    room_id: cursor for room_id, cursor in self._cursors.items()
                    if room_id % BUCKETS == bucket}))
                self._changed.discard(bucket)
        except ServiceUnavailable:
            pass  # reported where something is to be dispatched

    def _old_values(self, report: Callable[[str], None]) -> Dict[str, str]:
        try:
            with open(self._old_file, encoding="utf-8", errors="replace") as file:
                return {self._old_file: file.read()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            report(f"{self._old_file} cannot be read: {error}. What was posted before now, while "
                   "the sensor was down, is not fetched.")
            return {}


def _cursors(text: str) -> Dict[int, StoredCursor]:
    return {int(room_id): _cursor(*stored) for room_id, stored in json.loads(text).items()}


def _cursor(message_id: Any, sent_at: Any, subscribed: Any = None) -> StoredCursor:
    return StoredCursor(str(message_id), float(sent_at), None if subscribed is None else {
        str(event): float(since) for event, since in subscribed.items()})
