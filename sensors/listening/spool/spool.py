"""Stores deliveries on disk between HipChat's request and StackStorm's trigger.

Path of a delivery: the receiver calls insert(), which returns once the delivery is on disk, and
answers HipChat with 204. The queue of its room reads it with next(), dispatches it, and calls
remove(). One thread commits the insertions and removals of all greenlets in batches.
"""
import bisect
import itertools
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import eventlet
from eventlet import tpool
from eventlet.event import Event as Signal
from eventlet.hubs import get_hub

from listening import timing
from listening.operations.health import Health
from listening.spool.delivery import Delivery, SpoolError, StoredDelivery
from listening.spool.store import Result, Store
from listening.wakeup import WakeUp

__all__ = ["Spool"]

LARGEST_BATCH = 500  # insert_together() calls in one commit


class Spool:
    """Stores deliveries until they are dispatched; within a room in the order they were sent.

    Commits run in a thread, so that the disk does not block other greenlets. Deliveries that arrive
    during a commit share the next one.

    Attributes:
        arriving: the number of deliveries that are not on disk yet.
        hangs: True if the running commit has taken longer than timing.COMMIT_TIMEOUT. Until that
            commit ends, insert() raises SpoolError.
    """

    def __init__(self, directory: str, max_deliveries: int, dedup_kept: float, health: Health,
                 run_forever: Callable[[str, Callable[[], None]], Any],
                 recheck_all: Callable[[], None]):
        """Args:
            max_deliveries: the largest number of waiting deliveries.
            dedup_kept: the shortest time for which duplicates of a dispatched delivery are
                recognized, in seconds.
            run_forever: starts a task (the writer); called with its name and its function.
            recheck_all: reads the history of every room again; called when stored deliveries
                were lost, because the file was damaged or removed.
        """
        self.directory = directory
        self.arriving = 0
        self.hangs = False
        self._health, self._run_forever, self._recheck_all = health, run_forever, recheck_all
        self._reports: List[Tuple[str, str]] = []
        self._store = Store(directory, max_deliveries, dedup_kept,
                            lambda *report: self._reports.append(report))
        self._numbers: Dict[int, List[int]] = {}  # sorted sequence numbers, by room ID
        self._inserts: List[Tuple[Sequence[Delivery], Signal]] = []
        self._removals: Dict[int, str] = {}  # dedup keys by sequence number
        self._wake_up = WakeUp()

    @property
    def waiting(self) -> int:
        """The number of deliveries on disk."""
        return sum(map(len, self._numbers.values())) + len(self._removals)

    def open(self) -> None:
        """Open or create the spool's file, replace a damaged file, and start the writer.

        Raises:
            SpoolError: another process uses the spool, another version of the pack wrote it, or
                the directory cannot be used.
        """
        tpool.set_num_threads(1)  # each of the usual twenty threads would keep memory of its own
        try:
            is_part_lost = tpool.execute(self._store.open)
            self._numbers = tpool.execute(self._store.sequence_numbers)
        finally:
            self._record_reports()
        if is_part_lost:
            self._recheck_all()
        self._run_forever("spool", self._write_forever)

    def discard(self) -> int:
        """Remove all deliveries, after open() and before the first insert(); return their number.

        Raises:
            SpoolError: the deliveries cannot be removed.
        """
        count = tpool.execute(self._store.discard)
        self._numbers = {}
        return count

    def insert(self, delivery: Delivery) -> bool:
        """Store a delivery; return once it is on disk.

        Returns:
            True if the delivery is stored; False for a duplicate, which is dropped.

        Raises:
            SpoolError: the delivery was not stored.
        """
        result, = self.insert_together([delivery])
        if isinstance(result, SpoolError):
            raise result
        return result

    def insert_together(self, deliveries: Sequence[Delivery]) -> List[Union[bool, SpoolError]]:
        """Store deliveries of one room in one commit: either live or backfilled ones.

        Returns:
            For each delivery the return value of insert(), or the SpoolError that it would raise.
            After a delivery with an error, all later ones are duplicates or have errors, too: the
            failed delivery will be sent again, and must not arrive behind later deliveries.
        """
        if self.hangs:
            return [self._timeout_error() for _ in deliveries]
        done = Signal()
        self._inserts.append((deliveries, done))
        self.arriving += len(deliveries)
        try:
            self._wake_up.set()
            return done.wait()
        except SpoolError as error:
            return [error for _ in deliveries]
        finally:
            self.arriving -= len(deliveries)

    def remove(self, delivery: StoredDelivery) -> None:
        """Remove a dispatched delivery. The commit to disk follows later: settle() waits for it."""
        self._removals[delivery.sequence_number] = delivery.dedup_key
        self._forget(delivery.room_id, delivery.sequence_number)
        self._wake_up.set()

    def next(self, room_id: int) -> Optional[StoredDelivery]:
        """Return the waiting delivery of a room that was sent first; None if no delivery waits.

        Does not yield to other greenlets.

        Raises:
            SpoolError: the delivery cannot be read.
        """
        if room_id not in self._numbers:
            return None
        try:
            return self._store.read(self._numbers[room_id][0])
        except SpoolError:
            self._wake_up.set()  # the writer replaces a damaged file
            raise

    def rooms(self) -> List[int]:
        """Return the IDs of the rooms with waiting deliveries."""
        return list(self._numbers)

    def is_waiting(self, room_id: int) -> bool:
        """Return whether a delivery of a room waits."""
        return room_id in self._numbers

    def oldest(self) -> float:
        """Return the age of the oldest waiting delivery in seconds; 0 if none can be read."""
        firsts = [numbers[0] for numbers in self._numbers.values()]
        try:
            return max(0.0, time.time() - self._store.read(min(firsts)).received_at)
        except (SpoolError, ValueError):
            return 0.0

    def settle(self) -> None:
        """Wait until all insertions and removals are on disk."""
        while self.arriving or self._removals:
            self._wake_up.set()
            eventlet.sleep(0.01)

    def _forget(self, room_id: int, sequence_number: int) -> None:
        numbers = self._numbers.get(room_id, [])
        place = bisect.bisect_left(numbers, sequence_number)
        if numbers[place:place + 1] == [sequence_number]:
            del numbers[place]
            if not numbers:
                del self._numbers[room_id]

    def _write_forever(self) -> None:
        retry_delay = None
        while True:
            self._wake_up.wait(retry_delay)
            retry_delay = None
            while (self._inserts or self._removals or self._store.is_damaged) and not retry_delay:
                if not self._write_batch():
                    retry_delay = timing.COMMIT_RETRY_DELAY

    def _write_batch(self) -> bool:
        """Commit one batch of inserts and removals. Removals stay until a batch succeeds.

        If a batch with inserts fails, the callers of insert() get its error.

        Returns:
            False if a batch of removals alone failed: the caller must wait before the next try.

        Raises:
            Exception: the batch failed by a defect.
        """
        batch, self._inserts = self._inserts[:LARGEST_BATCH], self._inserts[LARGEST_BATCH:]
        removals = dict(self._removals)
        timeout = get_hub().schedule_call_global(timing.COMMIT_TIMEOUT, self._reject_waiting)
        try:
            results = iter(self._commit([deliveries for deliveries, _ in batch], removals))
        except BaseException as error:  # insert() must return, whatever happens to the writer
            for _, done in batch:
                done.send_exception(error)
            if isinstance(error, SpoolError):
                return bool(batch)
            raise
        finally:
            timeout.cancel()
            self.hangs = False
            self._record_reports()
        for sequence_number in removals:
            del self._removals[sequence_number]
        for deliveries, done in batch:
            done.send([self._apply(result, delivery.room_id) for delivery, result in
                       zip(deliveries, itertools.islice(results, len(deliveries)))])
        return True

    def _commit(self, groups: List[Sequence[Delivery]], removals: Dict[int, str]) -> List[Result]:
        """Return Store.commit()'s results; before that, replace a damaged or removed file."""
        try:
            return tpool.execute(self._store.commit, groups, removals)
        except SpoolError:
            if not self._store.is_damaged:
                raise
        self._replace_file()
        return tpool.execute(self._store.commit, groups, removals)

    def _replace_file(self) -> None:
        """Replace the damaged or removed file, and have all histories read again.

        The histories return the messages, notifications and topics that could not be copied.
        """
        waiting = {number for numbers in self._numbers.values() for number in numbers}
        self._numbers = tpool.execute(self._store.replace, waiting.union(self._removals))
        # Only now: so far, next() may have missed deliveries of the old file in the new one.
        self._store.is_damaged = False
        for room_id, numbers in list(self._numbers.items()):
            for sequence_number in set(self._removals).intersection(numbers):
                self._forget(room_id, sequence_number)
        self._recheck_all()  # before anything yields: until then, cursors may pass lost deliveries
        self._record_reports()

    def _apply(self, result: Result, room_id: int) -> Union[bool, SpoolError]:
        """Note a stored delivery in memory; return its element of insert_together()'s result."""
        if isinstance(result, SpoolError):
            return result
        if result:
            numbers = self._numbers.setdefault(room_id, [])
            place = bisect.bisect_left(numbers, result)
            numbers.insert(place, result)
        return bool(result)

    def _reject_waiting(self) -> None:
        """Let insert() raise SpoolError for the deliveries that wait behind a hanging commit."""
        self.hangs = True
        inserts, self._inserts = self._inserts, []
        for _, done in inserts:
            done.send_exception(self._timeout_error())

    def _timeout_error(self) -> SpoolError:
        return SpoolError(f"The disk of {self.directory} does not answer.")

    def _record_reports(self) -> None:
        while self._reports:
            summary, detail = self._reports.pop(0)
            self._health.record_incident("spool", summary, detail)
