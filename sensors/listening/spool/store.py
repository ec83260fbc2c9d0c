"""The deliveries that wait and the messages that were seen, in the spool's file."""
import contextlib
import os
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set

from listening import timing
from listening.spool.delivery import Arrival, Delivery, SpoolError, SpoolFull
from listening.spool.epochs import epoch_of, room_of
from listening.spool.file import File
from listening.spool.format import COLUMNS, SEEN, is_damage, is_io_error, is_sound, storable
from listening.spool.pages import PAGE

__all__ = ["Store"]

RESERVE = 16 * 1024 ** 2  # bytes of the disk that deliveries leave: to remove one takes some, too
INSERT = f"INSERT INTO deliveries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Store:
    """What the spool has on disk.

    All but next(), lanes() and oldest() is called from one thread at a time; those from any.
    remembered: for how many seconds at least a message that comes again is known. One table of the
    messages seen takes what comes and one holds what came before: by turns, since to delete single
    ones touches nearly all pages. forgotten: up to when (received) they are forgotten for want of
    space, 0.0 if none was; it stands as a message without a key among those that are left.
    waiting: how many deliveries wait; damaged: the file is to be mended, by commit();
    repairs, notices: words for the operator on files made again, and on whatever else was done;
    taken out by who tells them.
    """

    def __init__(self, directory: str, max_deliveries: int, remembered: float = 3600.0):
        self.waiting = 0
        self.forgotten = 0.0
        self.damaged = False
        self.notices: List[str] = []
        self.repairs: List[str] = []
        self._directory, self._max, self._remembered = directory, max_deliveries, remembered
        self._file = File(directory, self.notices.append, self.repairs.append)
        self._seen = SEEN  # that which takes what comes first
        self._turned = 0.0  # time.monotonic() of the last turn
        self._short: Optional[float] = None  # since when the disk is short
        self._last = 0

    def open(self) -> None:
        """Open or make the file; SpoolError if another process has it, if it is of another
        version, or if the directory cannot be used."""
        with self._told():
            self._file.close()  # where it is opened again, after a take-over that failed
            self._file.take()
            try:
                self._file.open()
            except Exception as error:
                if not is_damage(error):
                    raise
                self._file.mend(self._last)  # what was opened must stay open up to here
            self._file.secure_log()
            self._take_stock()

    def close(self) -> None:
        """Let go of the file and its directory."""
        self._file.close()

    def commit(self, arrivals: List[Arrival], removals: Set[int]) -> List:
        """Keep and forget; for each arrival True, False for a repetition, or SpoolFull.

        SpoolError if nothing of that is on disk.
        """
        with self._told():
            if self.damaged or not self._file.is_in_place():
                self._mend()
            try:
                return self._commit(arrivals, removals)
            except Exception as error:
                if not (is_damage(error) or is_io_error(error) and not self._file.is_readable()):
                    raise
                self.damaged = True
            self._mend()
            return self._commit(arrivals, removals)

    def begin_epoch(self) -> int:
        """Number what comes from now on behind the room of a new epoch, which is returned."""
        epoch = epoch_of(self._last) + 1
        self._last = room_of(epoch).stop
        return epoch

    def adopt(self, rows: Iterable[Sequence], seen: Iterable[Sequence]) -> int:
        """Keep what another store had, behind all that is here; how many deliveries that were.

        All or, on SpoolError, nothing; and nothing if it was adopted already.
        """
        adopted = 0
        with self._told(), self._transaction():
            for row in rows:
                if not adopted and self._has(row):
                    break
                self._keep(None, row[1:])
                adopted += 1
            self._file.db.executemany(f"INSERT OR IGNORE INTO {self._seen[1]} VALUES (?, ?)", seen)
            self._note_forgotten()
        self.waiting += adopted
        return adopted

    def rows(self) -> Iterator[Sequence]:
        """All deliveries, in order; to be adopted."""
        return self._file.db.execute(f"SELECT {COLUMNS} FROM deliveries ORDER BY id")

    def seen(self) -> Iterator[Sequence]:
        """The messages seen, and when; to be adopted."""
        return self._file.db.execute("SELECT message, received FROM seen UNION ALL "
                                     "SELECT message, received FROM seen_before")

    def next(self, lane: str, after: int) -> Optional[Delivery]:
        """The first delivery of a lane with an id above `after`; SpoolError if unreadable."""
        rows = self._read("SELECT {} FROM deliveries WHERE lane = ? AND id > ? ORDER BY id LIMIT 1"
                          .format(COLUMNS), storable(lane), after)
        if rows and not is_sound(rows[0]):
            self.damaged = True
            raise self._error("a delivery is malformed")
        return Delivery(*rows[0]) if rows else None

    def lanes(self) -> List[str]:
        """The lanes in which deliveries wait; SpoolError if unreadable."""
        return [lane for lane, in self._read("SELECT DISTINCT lane FROM deliveries")]

    def numbers(self, lane: str) -> Dict[str, int]:
        """The numbers of a lane's deliveries, by their traces; SpoolError if unreadable."""
        return dict(self._read("SELECT trace, id FROM deliveries WHERE lane = ?", storable(lane)))

    def next_in(self, epoch: int) -> int:
        """The first number in the room of an epoch that none above it has; SpoolError."""
        room = room_of(epoch)
        rows = self._read("SELECT max(id) FROM deliveries WHERE id >= ? AND id < ?", room.start,
                          room.stop)
        return room.start if rows[0][0] is None else rows[0][0] + 1

    def oldest(self) -> float:
        """For how many seconds the oldest delivery has waited, 0 if none can be read."""
        try:
            rows = self._read("SELECT received FROM deliveries ORDER BY id LIMIT 1")
        except SpoolError:
            return 0.0
        return max(0.0, time.time() - rows[0][0]) if rows and type(rows[0][0]) is float else 0.0

    def _read(self, query: str, *parameters: Any) -> List[Sequence]:
        try:
            return self._file.reader.execute(query, parameters).fetchall()
        except Exception as error:
            self.damaged = self.damaged or is_damage(error) or is_io_error(error)
            raise self._error(error) from None

    def _commit(self, arrivals: List[Arrival], removals: Set[int]) -> List:
        space = self._space() if arrivals else 0
        if self._forget(space if arrivals else None):
            space = self._space()
        now = time.time()
        results: List = []
        with self._transaction():
            gone = sum(self._file.db.execute("DELETE FROM deliveries WHERE id = ?", (number,))
                       .rowcount for number in removals)
            room = self._max - self.waiting + gone
            for arrival in arrivals:
                space -= 2 * len(arrival.body)  # in the log, and then in the file
                results.append(self._insert(arrival, now, room - results.count(True), space))
        self.waiting += results.count(True) - gone
        return results

    def _insert(self, arrival: Arrival, now: float, room: int, space: int):
        """True if kept, False for a repetition, SpoolFull if there is no room or space."""
        message = storable(arrival.message)
        keys = arrival.others if arrival.anew else (arrival.message,) + arrival.others
        seen = next((key for key in map(storable, keys) if self._was_seen(key)), None)
        if seen:
            if arrival.anew:
                for table in SEEN:
                    self._file.db.execute(f"DELETE FROM {table} WHERE message = ?", (seen,))
            return False
        if room <= 0:
            return SpoolFull(f"The spool is full: {self._max} deliveries wait.")
        if space < 0:
            return SpoolFull("The disk of {} has less than {} MiB left. Free some; what waits is "
                             "dispatched meanwhile.".format(self._directory, RESERVE // 1024 ** 2))
        self._keep(arrival.number, [
            storable(arrival.lane), storable(arrival.event), storable(arrival.room),
            storable(arrival.trace), now, arrival.body])
        if message:
            self._file.db.execute(f"INSERT OR REPLACE INTO {self._seen[0]} VALUES (?, ?)",
                                  (message, now))
        return True

    def _space(self) -> int:
        """Bytes that deliveries may fill, of the disk and of what is unused in the file."""
        disk = os.statvfs(self._directory)
        pages, = self._file.db.execute("PRAGMA freelist_count").fetchone()
        return disk.f_bavail * disk.f_frsize + PAGE * pages - RESERVE

    def _was_seen(self, message: str) -> bool:
        return bool(message) and self._file.db.execute(
            "SELECT 1 FROM seen WHERE message = ? UNION ALL "
            "SELECT 1 FROM seen_before WHERE message = ?",
            2 * (message,)).fetchone() is not None

    def _keep(self, number: Optional[int], values: Sequence) -> None:
        if number is None:
            self._last += 1  # SQLite would go by what stands in the file, which may get damaged
            number = self._last
        self._file.db.execute(INSERT, [number] + list(values))

    def _has(self, row: Sequence) -> bool:
        return self._file.db.execute(
            "SELECT 1 FROM deliveries WHERE lane = ? AND trace = ? AND received = ? AND body = ?",
            (row[1], row[4], row[5], row[6])).fetchone() is not None

    def _forget(self, space: Optional[int]) -> bool:
        """Forget messages that were seen, when it is time, or where the disk is short for long.

        space: for what arrives, None if nothing does. Whether any may have been forgotten.
        """
        now = time.monotonic()
        if space is not None:
            self._short = (self._short or now) if space < 0 else None
        if space is not None and self._short and now >= self._short + timing.DISK_SHORT_DELAY:
            self._short = now
            self._forget_for_want_of_space()
        elif now >= self._turned + self._remembered:
            self._turn()
        else:
            return False
        return True

    def _forget_for_want_of_space(self) -> None:
        newest, = self._file.db.execute("SELECT max(received) FROM {} WHERE message != ''".format(
            self._seen[1])).fetchone()
        if newest:
            self.forgotten = newest
            self.notices.append(
                "The disk of {} is too small for what is remembered there: messages that came "
                "before {} are forgotten, and what was missed before that is not fetched. Give it "
                "more room, or lower catch_up.".format(self._directory, time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(newest))))
        self._turn()

    def _turn(self) -> None:
        """Forget what came before the last turn."""
        with self._transaction():
            if self.forgotten:
                self._file.db.execute("INSERT OR REPLACE INTO {} VALUES ('', ?)".format(
                    self._seen[0]), (self.forgotten,))
            self._file.db.execute("PRAGMA secure_delete = FAST")  # pages are wiped when used again
            try:
                self._file.db.execute("DELETE FROM " + self._seen[1])
            finally:
                self._file.db.execute("PRAGMA secure_delete = ON")
        self._seen, self._turned = self._seen[::-1], time.monotonic()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        db = self._file.db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _mend(self) -> None:
        self._file.mend(self._last)
        self._file.secure_log()
        self._take_stock()
        self.damaged = False

    def _take_stock(self) -> None:
        self.waiting = self._file.waiting
        self._last = max(self._last, self._file.last)
        since = {table: self._file.db.execute(  # the last may be of a clock that was ahead
            f"SELECT min(received) FROM {table} WHERE message != ''").fetchone()[0]
            for table in SEEN}
        self._seen = sorted(SEEN, key=lambda table: since[table] or 0.0, reverse=True)
        self._note_forgotten()
        first = since[self._seen[0]]
        age = max(0.0, time.time() - first) if first else 0.0
        self._turned = time.monotonic() - min(
            age, max(0.0, self._remembered - timing.CLOCK_SETTLE_DELAY))

    def _note_forgotten(self) -> None:
        """Up to when messages are forgotten, as it stands in the file."""
        told = self._file.db.execute(
            "SELECT received FROM seen WHERE message = '' UNION ALL "
            "SELECT received FROM seen_before WHERE message = ''").fetchall()
        self.forgotten = max([self.forgotten] + [when for when, in told if when <= time.time()])

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever goes wrong is a SpoolError: who writes must live, and the senders be told."""
        try:
            yield
        except SpoolError:
            raise
        except Exception as error:
            raise self._error(error) from None

    def _error(self, error: object) -> SpoolError:
        return SpoolError("The spool in {} cannot be used: {}. Check its disk and its permissions."
                          .format(self._directory, error))
