"""Stores waiting deliveries, and the dedup keys of dispatched ones, in the spool's SQLite file."""
import contextlib
import os
import time
from collections import deque
from typing import Any, Deque, Dict, Iterator, List, Sequence, Set, Union

from listening import timing
from listening.spool.delivery import Delivery, SpoolError, SpoolFull, StoredDelivery
from listening.spool.schema import COLUMNS, PAGE_SIZE, checksum, is_intact, sanitize
from listening.spool.spool_file import Report, SpoolFile, is_damage, is_io_error

__all__ = ["Result", "Store", "to_sent_at", "to_sequence_number"]

RESERVE = 16 * 1024 ** 2  # bytes of free disk space that are kept for removals
NUMBERS_PER_MICROSECOND = 2 ** 10  # backfilled deliveries fit between two live ones
RECENT_MAX = 10000  # dedup keys that are also in memory, for the case of a damaged file
SEQUENCE_NUMBER_MAX = 2 ** 62  # half of SQLite's largest integer

# The sequence number of a stored delivery, 0 for a duplicate, the error for a refused delivery.
Result = Union[int, SpoolFull]


def to_sequence_number(sent_at: float) -> int:
    """Return the sequence number that stands for the time `sent_at` (Unix time, HipChat's clock).

    The webhook and the history state the same microsecond for a message.
    """
    return round(min(max(sent_at, 0.0), 4e9) * 1e6) * NUMBERS_PER_MICROSECOND


def to_sent_at(sequence_number: int) -> float:
    """Return when the delivery with a sequence number was sent (Unix time, HipChat's clock)."""
    return sequence_number / NUMBERS_PER_MICROSECOND / 1e6


class Store:
    """Writes and reads the spool's SQLite file: inserts, removes and recognizes deliveries.

    One thread at a time calls these methods, except read(), which any thread calls.

    Seen keys (the dedup keys of dispatched deliveries, and claim keys) rotate between two tables,
    so expiry empties a whole table. Deleting single rows would touch almost every page.

    Attributes:
        is_damaged: True if damage was found, so commit() raises SpoolError. The caller sets it to
            False after replace().
    """

    def __init__(self, directory: str, max_deliveries: int, dedup_kept: float, report: Report):
        self.is_damaged = False
        self._directory, self._max, self._dedup_kept = directory, max_deliveries, dedup_kept
        self._file = SpoolFile(directory, report)
        self._waiting = 0
        self._current, self._rotated = "seen", 0.0  # time.monotonic() of the last rotation
        self._dispatched: Deque[str] = deque(maxlen=RECENT_MAX)  # dedup keys, for the next file
        self._last_live: Dict[int, int] = {}  # the last live delivery's sequence number, by room
        self._last_backfilled: Dict[int, int] = {}

    def open(self) -> bool:
        """Open or create the file; return True if deliveries may be lost, as it was damaged.

        Raises:
            SpoolError: another process uses the file, another version of the pack wrote it, or
                the directory cannot be used.
        """
        with self._as_spool_error():
            is_part_lost = self._file.open()
            self._read_state()
            return is_part_lost

    def close(self) -> None:
        """Close the file, and release the directory's lock."""
        self._file.close()

    def commit(self, groups: Sequence[Sequence[Delivery]],
               removals: Dict[int, str]) -> List[Result]:
        """Store deliveries and remove dispatched ones, in one transaction.

        Args:
            groups: one sequence of deliveries for each insert_together() call; backfilled
                deliveries are in the history's order.
            removals: the dedup keys of the dispatched deliveries, by sequence number.

        Returns:
            A Result for each delivery.

        Raises:
            SpoolError: the transaction failed. If is_damaged is True now, call replace(), and then
                commit() again.
        """
        with self._as_spool_error():
            if not self._file.is_in_place():
                self.is_damaged = True
            if self.is_damaged:
                raise self._error("its file is damaged or was removed")
            try:
                return self._commit(groups, removals)
            except Exception as error:
                if is_damage(error) or is_io_error(error) and not self._file.is_sound():
                    self.is_damaged = True
                raise

    def replace(self, waiting: Set[int]) -> Dict[int, List[int]]:
        """Replace a damaged or removed file by a new file with all readable rows.

        Args:
            waiting: the sequence numbers of the deliveries to copy.

        Returns:
            The return value of sequence_numbers() for the new file.

        Raises:
            SpoolError: the new file cannot be written.
        """
        with self._as_spool_error():
            self._file.replace(waiting)
            self._read_state()
            with self._file.transaction():
                for key in self._dispatched:
                    self._insert_seen(key)
            return self.sequence_numbers()

    def discard(self) -> int:
        """Remove all deliveries and seen keys; return the number of deliveries.

        Raises:
            SpoolError: the transaction failed.
        """
        with self._as_spool_error():
            with self._file.transaction():
                count = self._file.db.execute("DELETE FROM deliveries").rowcount
                for table in ("seen", "seen_before"):
                    self._file.db.execute(f"DELETE FROM {table}")
            self._dispatched.clear()
            self._read_state()
            return count

    def sequence_numbers(self) -> Dict[int, List[int]]:
        """Return the sorted sequence numbers of the waiting deliveries, by room ID."""
        found: Dict[int, List[int]] = {}
        with self._as_spool_error():
            for room_id, number in self._file.db.execute(
                    "SELECT room_id, number FROM deliveries ORDER BY number"):
                found.setdefault(room_id, []).append(number)
        for room_id, numbers in found.items():
            self._last_live.setdefault(room_id, numbers[-1])
        return found

    def read(self, sequence_number: int) -> StoredDelivery:
        """Return the waiting delivery with a sequence number.

        Raises:
            SpoolError: the delivery is missing, cannot be read, or has a wrong checksum.
        """
        try:
            row = self._file.reader.execute(
                f"SELECT {COLUMNS} FROM deliveries WHERE number = ?",
                (sequence_number,)).fetchone()
        except Exception as error:
            self.is_damaged = self.is_damaged or is_damage(error) or is_io_error(error)
            raise self._error(error) from None
        if row is None or not is_intact(row):
            self.is_damaged = True
            raise self._error("a delivery is malformed")
        return StoredDelivery(*row[:7])

    def _commit(self, groups: Sequence[Sequence[Delivery]],
                removals: Dict[int, str]) -> List[Result]:
        if time.monotonic() >= self._rotated + self._dedup_kept:
            self._rotate()
        space = self._space() if groups else 0
        results: List[Result] = []
        with self._file.transaction():
            free_slots = self._max - self._waiting + self._remove(removals)
            for group in groups:
                for delivery, sequence_number in zip(group, self._assign_numbers(group)):
                    space -= 2 * len(delivery.body)  # in SQLite's log, and then in the file
                    if self._is_duplicate(delivery):
                        results.append(0)
                    elif free_slots <= 0:
                        results.append(SpoolFull(
                            f"The spool is full: {self._max} deliveries wait."))
                    elif space < 0:
                        results.append(SpoolFull(
                            f"The disk of {self._directory} has less than "
                            f"{RESERVE // 1024 ** 2} MiB left. Free some. Waiting deliveries are "
                            "still dispatched."))
                    else:
                        results.append(self._insert(delivery, sequence_number))
                        free_slots -= 1
        self._waiting = self._max - free_slots
        return results

    def _assign_numbers(self, group: Sequence[Delivery]) -> List[int]:
        """Return a sequence number for each delivery of a group.

        Backfilled deliveries keep the history's order, even if HipChat's clock was set back. A
        delivery that waits in the spool already keeps its number; earlier deliveries of the group
        get lower numbers, and later ones get higher numbers.
        """
        numbers = [to_sequence_number(delivery.sent_at) for delivery in group]
        if not group or not group[0].is_backfilled:
            return numbers
        waiting = [self._number_of(delivery.dedup_key) for delivery in group]
        last = self._last_backfilled.get(group[0].room_id, -1)
        for place, number in enumerate(numbers):
            last = numbers[place] = waiting[place] or max(number, last + 1)
        following = SEQUENCE_NUMBER_MAX
        for place in reversed(range(len(group))):
            following = numbers[place] = waiting[place] or min(numbers[place], following - 1)
        return numbers

    def _insert(self, delivery: Delivery, sequence_number: int) -> int:
        """Insert a delivery; return its sequence number, which may be higher than the given one.

        A live (not backfilled) delivery goes behind the earlier live deliveries of its room, and a
        number that is in use is skipped.
        """
        if delivery.is_backfilled:
            lasts = self._last_backfilled
        else:
            lasts = self._last_live
            if delivery.room_id in lasts:
                sequence_number = max(
                    sequence_number, lasts[delivery.room_id] + NUMBERS_PER_MICROSECOND)
        while self._file.db.execute(
                "SELECT 1 FROM deliveries WHERE number = ?", (sequence_number,)).fetchone():
            sequence_number += 1
        lasts[delivery.room_id] = sequence_number
        values = (sequence_number, delivery.room_id, sanitize(delivery.event),
                  sanitize(delivery.trace_tag), time.time(), delivery.body)
        self._file.db.execute(
            f"INSERT INTO deliveries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values + (sanitize(delivery.dedup_key), checksum(values)))
        self._insert_seen(delivery.claim_key)
        return sequence_number

    def _remove(self, removals: Dict[int, str]) -> int:
        """Remove deliveries and store their dedup keys as seen; return the number of deliveries."""
        numbers = [(sequence_number,) for sequence_number in removals]
        self._file.db.executemany(
            f"INSERT OR IGNORE INTO {self._current} SELECT dedup_key FROM deliveries "
            "WHERE number = ? AND dedup_key != ''", numbers)
        self._dispatched.extend(filter(None, removals.values()))
        return self._file.db.executemany(
            "DELETE FROM deliveries WHERE number = ?", numbers).rowcount if numbers else 0

    def _insert_seen(self, key: str) -> None:
        if key:
            self._file.db.execute(f"INSERT OR IGNORE INTO {self._current} VALUES (?)",
                                  (sanitize(key),))

    def _is_duplicate(self, delivery: Delivery) -> bool:
        key = sanitize(delivery.dedup_key)
        return bool(key and (self._number_of(key) or self._was_seen(key))) or any(
            self._claim(prefix, delivery) for prefix in delivery.alternate_keys)

    def _number_of(self, dedup_key: str) -> int:
        """Return the sequence number of the waiting delivery with a dedup key; 0 if none waits."""
        row = dedup_key and self._file.db.execute(
            "SELECT number FROM deliveries WHERE dedup_key = ?",
            (sanitize(dedup_key),)).fetchone()
        return row[0] if row else 0

    def _was_seen(self, key: str) -> bool:
        return self._file.db.execute(
            "SELECT 1 FROM seen WHERE dedup_key = ? UNION ALL "
            "SELECT 1 FROM seen_before WHERE dedup_key = ?", (key, key)).fetchone() is not None

    def _claim(self, prefix: str, delivery: Delivery) -> bool:
        """Use up the claim key of an earlier delivery of the same event; return True if one exists.

        Args:
            prefix: one of the alternate keys of `delivery`; the claim key begins with it.
        """
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
        """Give a duplicate's dedup key to the earlier delivery (with this trace tag) of the event.

        If the earlier delivery was dispatched already, store the key as seen.
        """
        if not self._file.db.execute(
                "UPDATE deliveries SET dedup_key = ? WHERE trace_tag = ? AND dedup_key = ''",
                (delivery.dedup_key, trace_tag)).rowcount:
            self._insert_seen(delivery.dedup_key)

    def _space(self) -> int:
        """Return how many bytes of deliveries fit: free on disk and in the file, less RESERVE."""
        disk = os.statvfs(self._directory)
        pages, = self._file.db.execute("PRAGMA freelist_count").fetchone()
        return disk.f_bavail * disk.f_frsize + PAGE_SIZE * pages - RESERVE

    def _rotate(self) -> None:
        """Empty the table of seen keys from before the last rotation, and use it for new keys."""
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

    def _read_state(self) -> None:
        self._last_backfilled = {}
        self._current, rotated_at = self._file.db.execute(
            "SELECT current, rotated_at FROM state").fetchone()
        # Keys must not expire before CLOCK_SETTLE_DELAY: the machine's clock may still be wrong.
        age = min(max(0.0, time.time() - rotated_at),
                  max(0.0, self._dedup_kept - timing.CLOCK_SETTLE_DELAY))
        self._rotated = time.monotonic() - age
        self._waiting, = self._file.db.execute("SELECT count(*) FROM deliveries").fetchone()

    @contextlib.contextmanager
    def _as_spool_error(self) -> Iterator[None]:
        """Convert all exceptions of the `with` block to SpoolError, which the writer handles."""
        try:
            yield
        except SpoolError:
            raise
        except Exception as error:
            raise self._error(error) from None

    def _error(self, error: Any) -> SpoolError:
        return SpoolError(f"The spool in {self._directory} cannot be used: {error}. Check its disk "
                          "and its permissions.")
