"""Deliveries on disk until StackStorm has them: SQLite, where deliveries that arrive together are
committed together."""
import fcntl
import logging
import os
import sqlite3
import tempfile
import time
import uuid
from typing import Any, Callable, List, NamedTuple, Optional, Set

import eventlet
from eventlet import tpool
from eventlet.event import Event as Signal

from hipchat.errors import HipChatError
from listening.spool_file import (
    COLUMNS, SCHEMA, VERSION, connect, copy_readable, is_corrupt, last_number)

__all__ = ["Arrival", "Delivery", "Spool", "SpoolError", "SpoolFull", "usable_directory"]

FILE = "deliveries.sqlite3"
MENDED = ".mended"  # after its name: whole, and about to take the place of a corrupt file
REPEAT_WINDOW = 3600.0  # seconds in which a message that comes again is known
LARGEST_BATCH = 500  # deliveries in one commit


class SpoolError(HipChatError):
    """The spool cannot be written or read now."""


class SpoolFull(SpoolError):
    """The spool holds as many deliveries as it may."""


class Arrival(NamedTuple):
    """A delivery to be kept.

    event, room: of the webhook URL; lane: what order is kept in, the room's id where known;
    message: what a repetition is known by, "" where it has no message id; trace: the message id
    or an id made for it.
    """

    event: str
    room: str
    lane: str
    message: str
    trace: str
    body: bytes


class Delivery(NamedTuple):
    """A delivery that waits; received is in seconds since 1970."""

    id: int
    lane: str
    event: str
    room: str
    trace: str
    received: float
    body: bytes


class Spool:
    """The deliveries that wait, each on disk, in order of arrival within a lane.

    put() returns when a delivery is on disk. All writing is done by one greenlet in a thread of
    its own, so that waiting for the disk holds nobody up; what arrives meanwhile shares the next
    commit. waiting: how many deliveries wait; arriving: how many are on their way to the disk.
    repaired is called with words for the operator whenever a file had to be given up.
    """

    def __init__(self, directory: str, max_deliveries: int, repaired: Callable[[str], None]):
        self.directory = directory
        self._path = os.path.join(directory, FILE)
        self._max = max_deliveries
        self._repaired = repaired
        self._puts: List = []
        self._removals: Set[int] = set()
        self._wake = Signal()
        self._notices: List[str] = []
        self._lock = None
        self._corrupt = False
        self._next_cleaning = 0.0
        self._last = 0
        self.waiting = 0
        self.arriving = 0

    def open(self, spawn: Callable[[Callable[[], None]], Any] = eventlet.spawn) -> None:
        """Open or make the file, mend it if it is corrupt, and start the writer, by spawn.

        SpoolError if another process has it, if it is of another version, or if the directory
        cannot be used.
        """
        tpool.set_num_threads(1)  # each of the usual twenty would keep memory of its own
        self._connect()
        self._tell_repairs()
        spawn(self._write_forever)

    def put(self, arrival: Arrival) -> bool:
        """Keep a delivery; return when it is on disk. False for a repetition, which is dropped.

        SpoolFull or SpoolError if it was not kept.
        """
        done = Signal()
        self._puts.append((arrival, done))
        self.arriving += 1
        try:
            self._nudge()
            return done.wait()
        finally:
            self.arriving -= 1

    def remove(self, delivery: Delivery) -> None:
        """Forget a delivery that StackStorm has. Returns before that is on disk."""
        self._removals.add(delivery.id)
        self._nudge()

    def next(self, lane: str, after: int) -> Optional[Delivery]:
        """The first delivery of a lane with an id above `after`; SpoolError if unreadable.

        Never yields to another greenlet.
        """
        try:
            row = self._reader.execute(
                "SELECT {} FROM deliveries WHERE lane = ? AND id > ? ORDER BY id LIMIT 1".format(
                    COLUMNS), (lane, after)).fetchone()
        except sqlite3.Error as error:
            self._corrupt = self._corrupt or is_corrupt(error)
            self._nudge()
            raise self._error(error) from None
        return Delivery(*row) if row else None

    def lanes(self) -> List[str]:
        """The lanes in which deliveries wait."""
        return [lane for lane, in self._reader.execute("SELECT DISTINCT lane FROM deliveries")]

    def oldest(self) -> float:
        """For how many seconds the oldest delivery has waited, 0 if none waits."""
        try:
            row = self._reader.execute(
                "SELECT received FROM deliveries ORDER BY id LIMIT 1").fetchone()
        except (sqlite3.Error, AttributeError):  # unreadable, or not open yet
            return 0.0
        return max(0.0, time.time() - row[0]) if row else 0.0

    def settle(self) -> None:
        """Return when nothing is left to be written."""
        while self._puts or self._removals:
            self._nudge()
            eventlet.sleep(0.01)

    def _nudge(self) -> None:
        if not self._wake.ready():
            self._wake.send()

    def _write_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake = Signal()
            while self._puts or self._removals or self._corrupt:
                if not self._write_batch():
                    break

    def _write_batch(self) -> bool:
        """Commit what has gathered; False if removals alone cannot be written."""
        batch, self._puts = self._puts[:LARGEST_BATCH], self._puts[LARGEST_BATCH:]
        removals = set(self._removals)
        try:
            results = tpool.execute(self._commit, [arrival for arrival, _ in batch], removals)
        except SpoolError as error:
            for _, done in batch:
                done.send_exception(error)
            return bool(batch)
        finally:
            self._tell_repairs()
        self._removals -= removals
        for (_, done), result in zip(batch, results):
            if isinstance(result, SpoolError):
                done.send_exception(result)
            else:
                done.send(result)
        return True

    def _tell_repairs(self) -> None:
        while self._notices:
            self._repaired(self._notices.pop(0))

    # From here on: called in the writer's thread (or before it starts), one call at a time.

    def _commit(self, arrivals: List[Arrival], removals: Set[int]) -> List:
        try:
            self._mend_if_needed()
            try:
                return self._transaction(arrivals, removals)
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                self._corrupt = True
                self._mend_if_needed()
                return self._transaction(arrivals, removals)
        except SpoolError:
            raise
        except Exception as error:  # whatever it is, the writer must live, and the senders be told
            raise self._error(error) from None

    def _transaction(self, arrivals: List[Arrival], removals: Set[int]) -> List:
        now = time.time()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            gone = sum(self._db.execute("DELETE FROM deliveries WHERE id = ?", (number,)).rowcount
                       for number in removals)
            room = self._max - self.waiting + gone
            results: List = []
            for arrival in arrivals:
                results.append(self._insert(arrival, now, room - results.count(True)))
            self._forget_seen(now)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.waiting += results.count(True) - gone
        return results

    def _insert(self, arrival: Arrival, now: float, room: int):
        """True if kept, False for a repetition, SpoolFull if there is no room."""
        if arrival.message and self._db.execute(
                "SELECT 1 FROM seen WHERE message = ? AND received > ?",
                (arrival.message, now - REPEAT_WINDOW)).fetchone():
            return False
        if room <= 0:
            return SpoolFull("The spool is full: {} deliveries wait.".format(self._max))
        self._last = self._db.execute(
            "INSERT INTO deliveries (lane, event, room, trace, received, body) "
            "VALUES (?, ?, ?, ?, ?, ?)", (arrival.lane, arrival.event, arrival.room,
                                          arrival.trace, now, arrival.body)).lastrowid
        if arrival.message:
            self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (arrival.message, now))
        return True

    def _forget_seen(self, now: float) -> None:
        if time.monotonic() >= self._next_cleaning:
            self._next_cleaning = time.monotonic() + 60
            self._db.execute("DELETE FROM seen WHERE abs(received - ?) > ?", (now, REPEAT_WINDOW))

    def _connect(self) -> None:
        try:
            self._take_directory()
            if os.path.exists(self._path + MENDED):
                self._put_in_place()
            try:
                self._open_file()
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                self._salvage()
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from None

    def _take_directory(self) -> None:
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        self._lock = self._locked()

    def _locked(self):
        """The open lock file; it is free again when this process ends, however it ends."""
        if self._lock:
            self._lock.close()
        lock = open(os.path.join(self.directory, "lock"), "a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpoolError(
                "The spool in {} is in use by another process. Each sensor needs a "
                "spool.directory of its own.".format(self.directory)) from None
        return lock

    def _open_file(self) -> None:
        db = connect(self._path)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            db.executescript(SCHEMA)
        elif version != VERSION:
            raise SpoolError(
                "The spool {} has the format {}, but this version of the pack reads format {}. "
                "Install the version of the pack that wrote it until it is empty, or move it "
                "away.".format(self._path, version, VERSION))
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("malformed")
        self.waiting = db.execute("SELECT count(*) FROM deliveries").fetchone()[0]
        self._last = max(self._last, last_number(db))
        self._inode = os.stat(self._path).st_ino
        self._db, self._reader = db, connect(self._path)

    def _mend_if_needed(self) -> None:
        if not self._in_place():
            self._take_directory()
            self._rebuild(self._db)
            self._notices.append("The spool directory {} was removed while in use; it was made "
                                 "again with all deliveries that waited.".format(self.directory))
        elif self._corrupt:
            self._salvage()
        self._corrupt = False

    def _in_place(self) -> bool:
        try:
            return os.stat(self._path).st_ino == self._inode
        except OSError:
            return False

    def _salvage(self) -> None:
        aside = self._rebuild(sqlite3.connect(self._path))
        self._notices.append("The spool was corrupt and was made again with the {} deliveries that "
                             "could be read; the old file is {}.".format(self.waiting, aside))

    def _rebuild(self, source: sqlite3.Connection) -> str:
        """Make the file anew with all that can be read of the source; where the old file is now.

        Up to the moment when all is in place, the old file serves on, and after a failure (of a
        full disk, say) or a kill, all this can be done again.
        """
        if not os.path.exists(self._path + MENDED):
            copy_readable(source, self._path + ".new", self._last)
            os.rename(self._path + ".new", self._path + MENDED)
        aside = self._put_in_place()
        self._open_file()
        return aside

    def _put_in_place(self) -> str:
        """Move the old file aside, if there is one, and the mended one to its place."""
        aside = "{}.corrupt-{}".format(self._path, uuid.uuid4().hex[:8])
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self._path + suffix):
                os.rename(self._path + suffix, aside + suffix)
        os.rename(self._path + MENDED, self._path)
        return aside

    def _error(self, error: Exception) -> SpoolError:
        return SpoolError("The spool in {} cannot be used: {}. Check its disk and its permissions."
                          .format(self.directory, error))


def usable_directory(wished: str, log: logging.Logger) -> str:
    """The directory that is wished for, or one of the user's own where it cannot be written."""
    own = [os.path.join(os.path.expanduser("~"), ".local", "state", "stackstorm-hipchat"),
           os.path.join(tempfile.gettempdir(), "stackstorm-hipchat-{}".format(os.getuid()))]
    for directory in [wished] + own:
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            if os.access(directory, os.W_OK | os.X_OK) and (
                    directory == wished or os.stat(directory).st_uid == os.getuid()):
                break
        except OSError:
            continue
    if directory != wished:
        log.warning("spool.directory %s cannot be written. Deliveries are kept in %s, where they "
                    "may be lost when the machine or the service is started anew. Make the "
                    "directory, and let StackStorm's user write it.", wished, directory)
    return directory
