"""Up to which message each room's history was read, on disk."""
import json
import os
from typing import Any, Callable, Dict, List, Optional

from hipchat.api.room_history import Cursor

__all__ = ["Cursors"]

FILE = "marks.json"  # the name that version 0.2.0 gave it


class Cursors:
    """The cursor of each room, by the room's ID.

    There are two: in memory, where reading goes on, and in a file beside the spool's, up to where
    all was dispatched when it was set. So what a damaged spool loses comes after that one.
    """

    def __init__(self, directory: str):
        self._path = os.path.join(directory, FILE)
        self._stored: Dict[int, Cursor] = {}
        self._read: Dict[int, Cursor] = {}

    def load(self, report: Callable[[str], None]) -> None:
        """Read the file.

        Args:
            report: Called with a sentence for the operator where it cannot be read. Then each room
                begins as if it were seen for the first time.
        """
        try:
            with open(self._path, encoding="utf-8") as file:
                self._stored = {int(room_id): _cursor(*stored)
                                for room_id, stored in json.load(file).items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            report(f"{self._path} cannot be read: {error}. What was posted before now, while the "
                   "sensor was down, is not fetched.")

    def rooms(self) -> List[int]:
        """Return the rooms that have a cursor."""
        return list({**self._stored, **self._read})

    def get(self, room_id: int) -> Optional[Cursor]:
        """Return where a room's history is to be read on, None if it never was read."""
        return self._read.get(room_id) or self._stored.get(room_id)

    def set(self, room_id: int, cursor: Cursor, is_dispatched: bool) -> None:
        """Set a room's cursor; return when it is on disk, if it goes there.

        Args:
            is_dispatched: Whether all up to it was dispatched.

        Raises:
            OSError: It cannot be written.
        """
        if is_dispatched and self._stored.get(room_id) != cursor:
            self._write({**self._stored, room_id: cursor})
        self._read[room_id] = cursor

    def rewind(self) -> None:
        """Read each room again from where all was dispatched."""
        self._read.clear()

    def forget(self, room_id: int) -> None:
        """Let a room begin as if it were seen for the first time.

        Raises:
            OSError: The file cannot be written.
        """
        self._write({each: cursor for each, cursor in self._stored.items() if each != room_id})
        self._read.pop(room_id, None)

    def _write(self, cursors: Dict[int, Cursor]) -> None:
        new = self._path + ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(cursors))  # many times as fast as json.dump, which goes piecewise
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        self._stored = cursors


def _cursor(message_id: Any, sent_at: Any) -> Cursor:
    return Cursor(str(message_id), float(sent_at))
