"""Up to which message of each room the history was compared with what was heard, on disk."""
import json
import os
from typing import Any, Callable, Dict, List, Optional

from hipchat.api.room_history import Cursor

__all__ = ["Cursors"]

FILE = "marks.json"


class Cursors:
    """The mark of each room, by the room's id, in a file beside the spool's.

    A mark is set after what comes before it is in the spool: after a kill in between, that is
    fetched again, and known for heard.
    """

    def __init__(self, directory: str):
        self._path = os.path.join(directory, FILE)
        self._marks: Dict[int, Cursor] = {}

    def load(self, damaged: Callable[[str], None]) -> None:
        """Read the file. damaged is called with words for the operator where it cannot be read;
        then the rooms begin anew, as if they were seen for the first time."""
        try:
            with open(self._path, encoding="utf-8") as file:
                self._marks = {int(room): _mark(*stored)
                               for room, stored in json.load(file).items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            damaged("{} cannot be read: {}. What was said while nobody listened before now is not "
                    "fetched.".format(self._path, error))

    def rooms(self) -> List[int]:
        """The rooms that have one."""
        return list(self._marks)

    def get(self, room: int) -> Optional[Cursor]:
        """The mark of a room, None for one that was never looked at."""
        return self._marks.get(room)

    def set(self, room: int, mark: Cursor) -> None:
        """Set the mark of a room; returns when it is on disk. OSError if it cannot be."""
        if self._marks.get(room) != mark:
            self._write({**self._marks, room: mark})

    def forget(self, room: int) -> None:
        """Look at a room as for the first time, should it be looked at again."""
        self._write({each: mark for each, mark in self._marks.items() if each != room})

    def _write(self, marks: Dict[int, Cursor]) -> None:
        new = self._path + ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(marks))  # many times as fast as json.dump, which goes piecewise
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        self._marks = marks


def _mark(message: Any, date: Any) -> Cursor:
    return Cursor(str(message), float(date))
