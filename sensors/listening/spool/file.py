"""The spool's file, open for this process alone, and mended where it is damaged or removed."""
import os
import time
from typing import Any, Callable, List, Optional

from listening.spool.directory import lock_directory
from listening.spool.format import FILE, connect, count, open_sound
from listening.spool.mending import finish, mend
from listening.spool.pages import LOG, open_files

__all__ = ["File"]


class File:
    """db: the connection to write by; reader: another to read by; waiting, last: how many
    deliveries were there when it was opened, and the highest number that was ever given to one.

    notice is called with words for the operator, repaired with words on what was made again.
    Errors are SQLite's, the system's or SpoolError.
    """

    def __init__(self, directory: str, notice: Callable[[str], None],
                 repaired: Callable[[str], None]):
        self.db: Any = None
        self.reader: Any = None
        self.waiting, self.last = 0, 0
        self._directory, self._notice, self._repaired = directory, notice, repaired
        self._path = os.path.join(directory, FILE)
        self._lock: Any = None
        self._files: Any = ()  # kept open, as what is removed could not be opened any more
        self._inodes: List[Optional[int]] = []

    def take(self) -> None:
        """Make the directory, if need be, and keep other processes out until this one ends."""
        if self._lock:
            self._lock.close()
        self._lock = lock_directory(self._directory, self._notice)
        finish(self._path)

    def open(self) -> None:
        """Open what is there, or make it new; what was open serves on until that has worked."""
        db = open_sound(self._path)
        waiting, last = count(db)
        reader, files = connect(self._path), open_files(self._path)
        self._close_files()
        if self.db:
            self.db.close()  # whoever still refers to it must not close it after secure_log()
        self._files, self._inodes = files, self._inodes_now()
        self.waiting, self.last, self.db, self.reader = waiting, last, db, reader

    def close(self) -> None:
        """Let others have it."""
        for each in (self.reader, self.db) + tuple(self._files) + (self._lock,):
            if each:
                each.close()
        self.reader = self.db = self._lock = None
        self._files, self._inodes = (), []

    def is_in_place(self) -> bool:
        """Whether what is open is what the next process would find."""
        return self._inodes == self._inodes_now()

    def is_readable(self) -> bool:
        """Whether all of it can be read, however long that takes."""
        try:
            return self.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        except Exception:
            return False

    def mend(self, last: int) -> None:
        """Make it anew with all that can be read; numbers go on above all that were given.

        last: the highest of them, 0 if that is not known.
        """
        removed = bool(self._inodes) and not self.is_in_place()
        if removed:
            self.take()
        aside = mend(self._path, self._files or open_files(self._path), last or _above_all())
        self.open()
        if removed:
            self._repaired("The spool directory {} was removed while in use; it was made again "
                           "with all deliveries that waited.".format(self._directory))
        else:
            self._repaired("The spool was corrupt and was made again with the {} deliveries that "
                           "could be read; the old file is {}.".format(self.waiting, aside))

    def secure_log(self) -> None:
        """Open it again if its log is gone: SQLite, when it closes a file that it takes for empty,
        removes by its name what is the log of the mended file by now."""
        if not self.is_in_place():
            self.reader.close()
            self.db.close()
            self.open()

    def _close_files(self) -> None:
        for file in self._files:
            file.close()

    def _inodes_now(self) -> List[Optional[int]]:
        return [_inode(self._path), _inode(self._path + LOG)]


def _inode(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _above_all() -> int:
    """Where the file does not tell: nobody gave a thousand numbers a second since 1970."""
    return int(1000 * time.time())
