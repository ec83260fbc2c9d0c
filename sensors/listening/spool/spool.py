"""The spool: greenlets insert and remove deliveries, one thread commits them in batches."""
import bisect
import itertools
import time
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Set, Tuple, Union

import eventlet
from eventlet import tpool
from eventlet.event import Event as Signal
from eventlet.hubs import get_hub

from listening import timing
from listening.operations.health import Health
from listening.spool.delivery import Delivery, SpoolError, StoredDelivery
from listening.spool.store import Store

__all__ = ["Spool", "SpoolLimits"]

LARGEST_BATCH = 500  # insert_together() calls in one commit


class SpoolLimits(NamedTuple):
    """How much the spool holds.

    Attributes:
        max_deliveries: How many deliveries may wait.
        remembered: For how many seconds at least a dispatched delivery is known again.
    """

    max_deliveries: int
    remembered: float = 3600.0


class Spool:
    """The waiting deliveries on disk; within a room in the order in which they were sent.

    insert() returns when a delivery is on disk. Commits run in a thread, so that the disk does not
    block other greenlets. Deliveries that arrive during a commit share the next one.

    Attributes:
        arriving: the number of deliveries that are not on disk yet.
        hangs: whether a commit takes longer than timing.COMMIT_TIMEOUT; until it ends, nothing is
            accepted.
    """

    def __init__(self, directory: str, limits: SpoolLimits, health: Health,
                 run_forever: Callable[[str, Callable[[], None]], Any],
                 recheck_all: Callable[[], None]):
        """Args:
            run_forever: Runs the writer: called with a name and a function.
            recheck_all: Called when a part of the spool was lost: reads the history of every room
                again.
        """
        self.directory = directory
        self.arriving = 0
        self.hangs = False
        self._health, self._run_forever, self._recheck_all = health, run_forever, recheck_all
        self._reports: List[Tuple[str, str]] = []
        self._store = Store(directory, limits.max_deliveries, limits.remembered,
                            lambda *report: self._reports.append(report), self._known_numbers)
        self._numbers: Dict[int, List[int]] = {}  # of the waiting deliveries, sorted, by room
        self._inserts: List[Tuple[Sequence[Delivery], Signal]] = []
        self._removals: Dict[int, str] = {}  # numbers and keys
        self._wake = Signal()

    @property
    def waiting(self) -> int:
        """How many deliveries are on disk."""
        return sum(map(len, self._numbers.values())) + len(self._removals)

    def open(self) -> None:
        """Open or make the file, replace it if it is damaged, and start the writer.

        Raises:
            SpoolError: Another process has it, another version of the pack wrote it, or the
                directory cannot be used.
        """
        tpool.set_num_threads(1)  # each of the usual twenty would keep memory of its own
        try:
            is_part_lost = tpool.execute(self._store.open)
            self._numbers = tpool.execute(self._store.numbers)
        finally:
            self._tell_reports()
        if is_part_lost:
            self._recheck_all()
        self._run_forever("spool", self._write_forever)

    def discard(self) -> int:
        """Remove everything; to be called after open(), before anything is inserted.

        Returns:
            How many deliveries waited.

        Raises:
            SpoolError: They cannot be removed.
        """
        count = tpool.execute(self._store.discard)
        self._numbers = {}
        return count

    def insert(self, delivery: Delivery) -> bool:
        """Store a delivery; return when it is on disk.

        Returns:
            False for a duplicate, which is dropped.

        Raises:
            SpoolError: It was not stored.
        """
        result, = self.insert_together([delivery])
        if isinstance(result, SpoolError):
            raise result
        return result

    def insert_together(self, deliveries: Sequence[Delivery]) -> List[Union[bool, SpoolError]]:
        """Store deliveries of one kind and room in one commit.

        Returns:
            What insert() returns or raises, for each. After one that was not stored none is, so
            that none goes before one that comes again.
        """
        if self.hangs:
            return [self._no_answer() for _ in deliveries]
        done = Signal()
        self._inserts.append((deliveries, done))
        self.arriving += len(deliveries)
        try:
            self._nudge()
            return done.wait()
        except SpoolError as error:
            return [error for _ in deliveries]
        finally:
            self.arriving -= len(deliveries)

    def remove(self, delivery: StoredDelivery) -> None:
        """Forget a delivery that was dispatched. Returns before that is on disk."""
        self._removals[delivery.number] = delivery.dedup_key
        self._forget(delivery.room_id, delivery.number)
        self._nudge()

    def next(self, room_id: int) -> Union[StoredDelivery, None]:
        """Return the delivery of a room that was sent first, None if none waits.

        Never yields to another greenlet.

        Raises:
            SpoolError: It cannot be read.
        """
        if room_id not in self._numbers:
            return None
        try:
            return self._store.read(self._numbers[room_id][0])
        except SpoolError:
            self._nudge()
            raise

    def rooms(self) -> List[int]:
        """Return the rooms in which deliveries wait."""
        return list(self._numbers)

    def is_waiting(self, room_id: int) -> bool:
        """Tell whether a delivery of a room waits."""
        return room_id in self._numbers

    def oldest(self) -> float:
        """Return for how many seconds the oldest delivery has waited, 0 if none can be read."""
        firsts = [numbers[0] for numbers in self._numbers.values()]
        try:
            return max(0.0, time.time() - self._store.read(min(firsts)).received_at)
        except (SpoolError, ValueError):
            return 0.0

    def settle(self) -> None:
        """Wait until all insertions and removals are on disk."""
        while self.arriving or self._removals:
            self._nudge()
            eventlet.sleep(0.01)

    def _known_numbers(self) -> Set[int]:
        """The numbers of all that the file must hold; called from the writer's thread."""
        known = {number for numbers in list(self._numbers.values()) for number in list(numbers)}
        return known.union(list(self._removals))  # after the others: each moves there

    def _forget(self, room_id: int, number: int) -> None:
        numbers = self._numbers.get(room_id, [])
        place = bisect.bisect_left(numbers, number)
        if numbers[place:place + 1] == [number]:
            del numbers[place]
            if not numbers:
                del self._numbers[room_id]

    def _nudge(self) -> None:
        if not self._wake.ready():
            self._wake.send()

    def _write_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake = Signal()
            while (self._inserts or self._removals or self._store.is_damaged or
                   self._store.is_replaced):
                if not self._write_batch():
                    eventlet.spawn_after(timing.COMMIT_RETRY_DELAY, self._nudge)
                    break

    def _write_batch(self) -> bool:
        """Commit one batch; return False if a batch of removals only cannot be committed."""
        if self._store.is_replaced:
            self._reload()
        batch, self._inserts = self._inserts[:LARGEST_BATCH], self._inserts[LARGEST_BATCH:]
        removals = dict(self._removals)
        slow = get_hub().schedule_call_global(timing.COMMIT_TIMEOUT, self._refuse)
        try:
            results = iter(tpool.execute(
                self._store.commit, [deliveries for deliveries, _ in batch], removals))
            if self._store.is_replaced:
                self._reload()
        except BaseException as error:  # the supervisor restarts the writer; insert() must end
            for _, done in batch:
                done.send_exception(error)
            if isinstance(error, SpoolError):
                return bool(batch)
            raise
        finally:
            slow.cancel()
            self.hangs = False
            self._tell_reports()
        for number in removals:
            del self._removals[number]
        for deliveries, done in batch:
            done.send([self._note(delivery, result) for delivery, result in
                       zip(deliveries, itertools.islice(results, len(deliveries)))])
        return True

    def _note(self, delivery: Delivery, result: Union[int, SpoolError]) -> Union[bool, SpoolError]:
        if isinstance(result, SpoolError):
            return result
        if result:
            numbers = self._numbers.setdefault(delivery.room_id, [])
            place = bisect.bisect_left(numbers, result)
            if numbers[place:place + 1] != [result]:  # else it was there when all was read again
                numbers.insert(place, result)
        return bool(result)

    def _reload(self) -> None:
        """Read the deliveries of a new file, and have the missing ones backfilled."""
        self._numbers = tpool.execute(self._store.numbers)
        for room_id, numbers in list(self._numbers.items()):
            for number in set(self._removals).intersection(numbers):
                self._forget(room_id, number)
        self._recheck_all()

    def _refuse(self) -> None:
        """Refuse the deliveries that are not in the hanging commit."""
        self.hangs = True
        inserts, self._inserts = self._inserts, []
        for _, done in inserts:
            done.send_exception(self._no_answer())

    def _no_answer(self) -> SpoolError:
        return SpoolError(f"The disk of {self.directory} does not answer.")

    def _tell_reports(self) -> None:
        while self._reports:
            summary, detail = self._reports.pop(0)
            self._health.record_incident("spool", summary, detail)
