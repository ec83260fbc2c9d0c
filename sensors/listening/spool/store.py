"""Stores waiting deliveries, and the keys of dispatched ones, in the spool's file."""
import contextlib
import os
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, List, Sequence, Set, Union

from listening import timing
from listening.spool.delivery import Delivery, SpoolError, SpoolFull, StoredDelivery
from listening.spool.spool_file import (
    COLUMNS, PAGE_SIZE, Report, SpoolFile, checksum, is_damage, is_intact, is_io_error, storable)

__all__ = ["Store", "sequence_number"]

RESERVE = 16 * 1024 ** 2  # bytes of the disk that deliveries leave: to remove one takes some, too
MICROSECOND = 2 ** 10  # in numbers: what is backfilled between two live deliveries finds a place
RECENT = 10000  # keys of dispatched deliveries that a damaged file cannot lose
NUMBER_MAX = 2 ** 62  # SQLite's integers go to twice that

Result = Union[int, SpoolFull]  # the number of a stored delivery, 0 for a duplicate


def sequence_number(sent_at: float) -> int:
    """Return the place of a message in the order of its room.

    Args:
        sent_at: Unix time by HipChat's clock; webhook and history state the same microsecond.
    """
    return round(min(max(sent_at, 0.0), 4e9) * 1e6) * MICROSECOND


def time_sent(number: int) -> float:
    """Return when a message with this place was sent: the inverse of sequence_number()."""
    return number / MICROSECOND / 1e6


class Store:
    """The spool's data on disk.

    commit(), open(), numbers() and close() are called from one thread at a time; read() from any.
    The keys of dispatched deliveries rotate between two tables, so that expiry empties a whole
    table: deleting single rows would touch almost every page.

    Attributes:
        is_damaged: The file must be replaced, by the next commit().
        is_replaced: The file was replaced, and numbers() was not called since.
    """

    def __init__(self, directory: str, max_deliveries: int, remembered: float, report: Report,
                 known_numbers: Callable[[], Set[int]] = set):
        """Args:
            remembered: For how many seconds at least a dispatched delivery is known again.
            report: Called with a summary and a detail for the operator.
            known_numbers: Returns the numbers of the deliveries that wait, as the process knows.
        """
        self.is_damaged = self.is_replaced = False
        self._directory, self._max, self._remembered = directory, max_deliveries, remembered
        self._file = SpoolFile(directory, report, known_numbers)
        self._waiting = 0
        self._current, self._rotated = "seen", 0.0  # time.monotonic() of the last rotation
        self._dispatched: Deque[str] = deque(maxlen=RECENT)  # keys, for a file that replaces this
        self._last_live: Dict[int, int] = {}  # the number of the last live delivery, by room
        self._last_backfilled: Dict[int, int] = {}

    def open(self) -> bool:
        """Open or make the file.

        Returns:
            Whether a part of it was lost.

        Raises:
            SpoolError: Another process uses it, another version of the pack wrote it, or the
                directory cannot be used.
        """
        with self._as_spool_error():
            is_part_lost = self._file.open()
            self._take_stock()
            return is_part_lost

    def close(self) -> None:
        """Let go of the file and its directory."""
        self._file.close()

    def commit(self, groups: Sequence[Sequence[Delivery]],
               removals: Dict[int, str]) -> List[Result]:
        """Store deliveries and remove dispatched ones, in one transaction.

        Args:
            groups: Deliveries that came together; backfilled ones in the order of the history.
            removals: The numbers of those to remove, and their keys.

        Returns:
            For each delivery its number, 0 for a duplicate, or SpoolFull.

        Raises:
            SpoolError: Nothing of that is on disk.
        """
        with self._as_spool_error():
            if self.is_damaged or not self._file.is_in_place():
                self._replace()
            try:
                return self._commit(groups, removals)
            except Exception as error:
                if not (is_damage(error) or is_io_error(error) and not self._file.is_sound()):
                    raise
            self._replace()
            return self._commit(groups, removals)

    def discard(self) -> int:
        """Remove all deliveries, and what is known of dispatched ones.

        Returns:
            How many deliveries waited.

        Raises:
            SpoolError: They cannot be removed.
        """
        with self._as_spool_error():
            with self._file.transaction():
                self._file.count_commit()
                count = self._file.db.execute("DELETE FROM deliveries").rowcount
                for table in ("seen", "seen_before"):
                    self._file.db.execute(f"DELETE FROM {table}")
            self._file.note_commit()
            self._dispatched.clear()
            self._take_stock()
            return count

    def numbers(self) -> Dict[int, List[int]]:
        """Return the numbers of the deliveries that wait, sorted, by room."""
        found: Dict[int, List[int]] = {}
        with self._as_spool_error():
            for room_id, number in self._file.db.execute(
                    "SELECT room_id, number FROM deliveries ORDER BY number"):
                found.setdefault(room_id, []).append(number)
        self.is_replaced = False
        for room_id, numbers in found.items():
            self._last_live.setdefault(room_id, numbers[-1])
        return found

    def read(self, number: int) -> StoredDelivery:
        """Return a delivery that waits.

        Raises:
            SpoolError: It cannot be read, or is not as it was written.
        """
        try:
            row = self._file.reader.execute(
                f"SELECT {COLUMNS} FROM deliveries WHERE number = ?", (number,)).fetchone()
        except Exception as error:
            self._note_damage(is_damage(error) or is_io_error(error))
            raise self._error(error) from None
        if row is None or not is_intact(row):
            self._note_damage(True)
            raise self._error("a delivery is malformed")
        return StoredDelivery(*row[:7])

    def _note_damage(self, noticed: bool) -> None:
        self.is_damaged = self.is_damaged or noticed and not self.is_replaced

    def _commit(self, groups: Sequence[Sequence[Delivery]],
                removals: Dict[int, str]) -> List[Result]:
        if time.monotonic() >= self._rotated + self._remembered:
            self._rotate()
        space = self._space() if groups else 0
        results: List[Result] = []
        with self._file.transaction():
            self._file.count_commit()
            gone = self._remove(removals)
            slots = self._max - self._waiting + gone
            for group in groups:
                for delivery, number in zip(group, self._placed(group)):
                    space -= 2 * len(delivery.body)  # in the log, and then in the file
                    if self._is_duplicate(delivery):
                        results.append(0)
                    elif slots <= 0:
                        results.append(SpoolFull(
                            f"The spool is full: {self._max} deliveries wait."))
                    elif space < 0:
                        results.append(SpoolFull(
                            f"The disk of {self._directory} has less than "
                            f"{RESERVE // 1024 ** 2} MiB left. Free some; what waits is "
                            "dispatched meanwhile."))
                    else:
                        results.append(self._insert(delivery, number))
                        slots -= 1
        self._file.note_commit()
        self._waiting = self._max - slots
        return results

    def _placed(self, group: Sequence[Delivery]) -> List[int]:
        """Return a number for each delivery.

        A live one never goes before an earlier live one of its room. Backfilled ones keep their
        order, among those of the history that wait already, too, whatever HipChat's clock did.
        """
        numbers = [sequence_number(delivery.sent_at) for delivery in group]
        if not group or not group[0].is_backfilled:
            return numbers
        waiting = [self._number_of(delivery.dedup_key) for delivery in group]
        last = self._last_backfilled.get(group[0].room_id, -1)
        for place, number in enumerate(numbers):
            last = numbers[place] = waiting[place] or max(number, last + 1)
        following = NUMBER_MAX
        for place in reversed(range(len(group))):
            following = numbers[place] = waiting[place] or min(numbers[place], following - 1)
        return numbers

    def _insert(self, delivery: Delivery, number: int) -> int:
        if delivery.is_backfilled:
            lasts = self._last_backfilled
        else:
            lasts = self._last_live
            number = max(number, lasts.get(delivery.room_id, -MICROSECOND) + MICROSECOND)
        while self._file.db.execute(
                "SELECT 1 FROM deliveries WHERE number = ?", (number,)).fetchone():
            number += 1
        lasts[delivery.room_id] = number
        values = (number, delivery.room_id, storable(delivery.event),
                  storable(delivery.trace_tag), time.time(), delivery.body)
        self._file.db.execute(
            f"INSERT INTO deliveries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values + (storable(delivery.dedup_key), checksum(values)))
        self._remember(delivery.claim_key)
        return number

    def _remove(self, removals: Dict[int, str]) -> int:
        """Return how many deliveries were there."""
        numbers = [(number,) for number in removals]
        self._file.db.executemany(
            f"INSERT OR IGNORE INTO {self._current} SELECT dedup_key FROM deliveries "
            "WHERE number = ? AND dedup_key != ''", numbers)
        self._dispatched.extend(filter(None, removals.values()))
        return self._file.db.executemany(
            "DELETE FROM deliveries WHERE number = ?", numbers).rowcount if numbers else 0

    def _remember(self, key: str) -> None:
        if key:
            self._file.db.execute(f"INSERT OR IGNORE INTO {self._current} VALUES (?)",
                                  (storable(key),))

    def _is_duplicate(self, delivery: Delivery) -> bool:
        key = storable(delivery.dedup_key)
        return bool(key and (self._number_of(key) or self._was_seen(key))) or any(
            self._claim(prefix, delivery) for prefix in delivery.alternate_keys)

    def _number_of(self, key: str) -> int:
        """Return the number of the delivery that waits under a key, 0 if none does."""
        row = key and self._file.db.execute(
            "SELECT number FROM deliveries WHERE dedup_key = ?", (storable(key),)).fetchone()
        return row[0] if row else 0

    def _was_seen(self, key: str) -> bool:
        return self._file.db.execute(
            "SELECT 1 FROM seen WHERE dedup_key = ? UNION ALL "
            "SELECT 1 FROM seen_before WHERE dedup_key = ?", (key, key)).fetchone() is not None

    def _claim(self, prefix: str, delivery: Delivery) -> bool:
        """Use up a claim key that an earlier delivery left, if there is one."""
        execute = self._file.db.execute
        for table in ("seen", "seen_before"):
            for key, in execute(f"SELECT dedup_key FROM {table} WHERE dedup_key >= ? AND "
                                "dedup_key < ? LIMIT 1", (prefix, prefix + "!")).fetchall():
                execute(f"DELETE FROM {table} WHERE dedup_key = ?", (key,))
                if delivery.dedup_key:
                    self._hand_over(key.rpartition(" ")[2], delivery)
                return True
        return False

    def _hand_over(self, trace_tag: str, delivery: Delivery) -> None:
        """Know an earlier delivery by the key of this one, too: in its row while it waits."""
        if not self._file.db.execute(
                "UPDATE deliveries SET dedup_key = ? WHERE trace_tag = ? AND dedup_key = ''",
                (delivery.dedup_key, trace_tag)).rowcount:
            self._remember(delivery.dedup_key)

    def _space(self) -> int:
        """Return the bytes that deliveries may fill, of the disk and of what the file has free."""
        disk = os.statvfs(self._directory)
        pages, = self._file.db.execute("PRAGMA freelist_count").fetchone()
        return disk.f_bavail * disk.f_frsize + PAGE_SIZE * pages - RESERVE

    def _rotate(self) -> None:
        """Forget the keys from before the last rotation."""
        other = "seen_before" if self._current == "seen" else "seen"
        db = self._file.db
        db.execute("PRAGMA secure_delete = FAST")  # pages are wiped when used again
        try:
            with self._file.transaction():
                db.execute(f"DELETE FROM {other}")
                db.execute("UPDATE state SET current = ?, rotated_at = ?", (other, time.time()))
        finally:
            db.execute("PRAGMA secure_delete = ON")
        self._current, self._rotated = other, time.monotonic()

    def _replace(self) -> None:
        self.is_damaged = True
        self.is_replaced = True  # before anybody can read the new file
        try:
            self._file.replace()
            self._take_stock()
            with self._file.transaction():
                for key in self._dispatched:
                    self._remember(key)
        except BaseException:
            self.is_replaced = False
            raise
        self.is_damaged = False

    def _take_stock(self) -> None:
        self._last_backfilled = {}
        self._current, rotated_at = self._file.db.execute(
            "SELECT current, rotated_at FROM state").fetchone()
        # The machine's clock may be wrong at a start: nothing expires before it is set.
        age = min(max(0.0, time.time() - rotated_at),
                  max(0.0, self._remembered - timing.CLOCK_SETTLE_DELAY))
        self._rotated = time.monotonic() - age
        self._waiting, = self._file.db.execute("SELECT count(*) FROM deliveries").fetchone()

    @contextlib.contextmanager
    def _as_spool_error(self) -> Iterator[None]:
        """Turn whatever goes wrong into a SpoolError: the writer must live, and senders be told."""
        try:
            yield
        except SpoolError:
            raise
        except Exception as error:
            raise self._error(error) from None

    def _error(self, error: Any) -> SpoolError:
        return SpoolError(f"The spool in {self._directory} cannot be used: {error}. Check its disk "
                          "and its permissions.")
