"""Up to which message each room's history was read and dispatched."""
import contextlib
import json
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

from hipchat.api.room_history import Cursor

__all__ = ["CursorFile", "Cursors", "StoredCursor"]

FILE = "marks.json"  # the name that version 0.2.0 gave it


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


class CursorFile:
    """Stores cursors in a file beside the spool's."""

    def __init__(self, directory: str):
        self._path = os.path.join(directory, FILE)

    def load(self) -> Dict[int, StoredCursor]:
        """Return the stored cursors by room ID.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is damaged.
        """
        try:
            with open(self._path, encoding="utf-8") as file:
                return {int(room_id): _read(*stored) for room_id, stored in json.load(file).items()}
        except FileNotFoundError:
            return {}
        except (TypeError, AttributeError, RecursionError, ValueError) as error:
            raise ValueError(f"{self._path} is damaged: {error}") from None

    def save(self, cursors: Dict[int, StoredCursor], changed: Set[int]) -> None:
        """Store cursors; return when they are on disk.

        Args:
            cursors: All that there are.
            changed: The rooms whose cursors are others than at the last call, or gone.

        Raises:
            OSError: The file cannot be written.
        """
        new = self._path + ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(cursors))  # many times as fast as json.dump, which goes piecewise
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)


class Cursors:
    """The cursor of each room, by the room's ID.

    There are two: in memory, where reading goes on, and in a store, up to where all was dispatched
    when it was set. So what a damaged spool loses comes after that one.
    """

    def __init__(self, store: CursorFile):
        self._store = store
        self._stored: Dict[int, StoredCursor] = {}
        self._read: Dict[int, Cursor] = {}
        self._subscribed: Dict[int, Dict[str, float]] = {}
        self._unsaved: Set[int] = set()

    def load(self, report: Callable[[str], None]) -> None:
        """Read the store.

        Args:
            report: Called with a sentence for the operator where it cannot be read. Then each room
                begins as if it were seen for the first time.
        """
        try:
            self._stored = self._store.load()
        except (OSError, ValueError) as error:
            report(f"{error}. What was posted before now, while the sensor was down, is not "
                   "fetched.")

    def rooms(self) -> List[int]:
        """Return the rooms that have a cursor."""
        return list({**self._stored, **self._read})

    def get(self, room_id: int) -> Optional[Cursor]:
        """Return where a room's history is to be read on, None if it never was read."""
        stored = self._stored.get(room_id)
        return self._read.get(room_id) or (stored.cursor if stored else None)

    def set(self, room_id: int, cursor: Cursor, is_dispatched: bool) -> None:
        """Set a room's cursor; return when it is stored, if it is to be.

        Args:
            is_dispatched: Whether all up to it was dispatched.

        Raises:
            OSError: It cannot be stored.
        """
        if is_dispatched or room_id not in self._stored:
            self._save(room_id, StoredCursor(*cursor, self._subscribed.get(room_id)))
        self._read[room_id] = cursor

    def rewind(self) -> None:
        """Read each room again from where all was dispatched."""
        self._read.clear()

    def forget(self, room_id: int) -> None:
        """Let a room begin as if it were seen for the first time.

        Raises:
            OSError: That cannot be stored.
        """
        self._save(room_id, None)
        self._read.pop(room_id, None)

    def subscribed(self) -> Dict[int, Dict[str, float]]:
        """Return since when which events of which rooms were subscribed, as it was stored."""
        return {room_id: stored.subscribed or {} for room_id, stored in self._stored.items()}

    def knows_subscribed(self, room_id: int) -> bool:
        """Tell whether it is stored what was subscribed in a room, or nothing was."""
        stored = self._stored.get(room_id)
        return stored is None or stored.subscribed is not None

    def set_subscribed(self, subscribed: Dict[int, Dict[str, float]]) -> None:
        """Store since when which events of which rooms are subscribed.

        If that fails now, it is stored with the next cursor.
        """
        self._subscribed = subscribed
        cursors = {room_id: stored._replace(subscribed=subscribed.get(room_id, {}))
                   for room_id, stored in self._stored.items()}
        self._unsaved.update(room_id for room_id in cursors
                             if cursors[room_id] != self._stored[room_id])
        self._stored = cursors
        if self._unsaved:
            with contextlib.suppress(OSError):
                self._write(self._stored)

    def _save(self, room_id: int, cursor: Optional[StoredCursor]) -> None:
        if self._stored.get(room_id) == cursor and not self._unsaved:
            return
        cursors = {each: stored for each, stored in self._stored.items() if each != room_id}
        if cursor:
            cursors[room_id] = cursor
        self._unsaved.add(room_id)
        self._write(cursors)

    def _write(self, cursors: Dict[int, StoredCursor]) -> None:
        self._store.save(cursors, set(self._unsaved))
        self._stored, self._unsaved = cursors, set()


def _read(message_id: Any, sent_at: Any, subscribed: Any = None) -> StoredCursor:
    return StoredCursor(str(message_id), float(sent_at), None if subscribed is None else {
        str(event): float(since) for event, since in subscribed.items()})
