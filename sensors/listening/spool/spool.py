"""The spool as the sensor's greenlets see it: deliveries that arrive together are committed
together, from a thread of its own."""
import itertools
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

import eventlet
from eventlet import tpool
from eventlet.event import Event as Signal
from eventlet.hubs import get_hub

from listening import timing
from listening.spool.delivery import Arrival, Delivery, SpoolError
from listening.spool.store import Store
from listening.spool.takeover import take_over

__all__ = ["Spool"]

LARGEST_BATCH = 500  # deliveries in one commit, or groups of those that go together


def _spawn(name: str, task: Callable[[], None]) -> Any:
    return eventlet.spawn(task)


class Spool:
    """The deliveries that wait, each on disk, in order of arrival within a lane.

    put() returns when a delivery is on disk. All writing is done by one greenlet in a thread of
    its own, so that waiting for the disk holds nobody up; what arrives meanwhile shares the next
    commit. arriving: how many deliveries are on their way to the disk; hangs: the disk has not
    answered for COMMIT_TIMEOUT, and nothing is taken until it does. repaired is called with words
    for the operator whenever a file had to be given up, notice with words on what else was done on
    disk. earlier: directories whose deliveries are taken over. keep(name, task) runs the writer.
    remembered: for how many seconds a message that comes again is known.
    """

    def __init__(self, directory: str, max_deliveries: int, repaired: Callable[[str], None],
                 earlier: Sequence[str] = (), keep: Callable[[str, Callable], Any] = _spawn,
                 notice: Optional[Callable[[str], None]] = None, remembered: float = 3600.0):
        self.directory = directory
        self.arriving = 0
        self.hangs = False
        self._repaired, self._notice = repaired, notice or repaired
        self._earlier, self._keep = earlier, keep
        self._store = Store(directory, max_deliveries, remembered)
        self._puts: List[Tuple[Sequence[Arrival], Signal]] = []
        self._removals: Set[int] = set()
        self._wake = Signal()

    @property
    def waiting(self) -> int:
        """How many deliveries wait."""
        return self._store.waiting

    @property
    def forgotten(self) -> float:
        """Up to when messages that came are not known again, for want of space; 0.0 if all are."""
        return self._store.forgotten

    def open(self) -> None:
        """Open or make the file, mend it if it is damaged, and start the writer.

        SpoolError if another process has it, if it is of another version, or if the directory
        cannot be used.
        """
        tpool.set_num_threads(1)  # each of the usual twenty would keep memory of its own
        try:
            tpool.execute(self._open)
        finally:
            self._tell()
        self._keep("spool", self._write_forever)

    def put(self, arrival: Arrival) -> bool:
        """Keep a delivery; return when it is on disk. False for a repetition, which is dropped.

        SpoolFull or SpoolError if it was not kept.
        """
        result, = self.put_together([arrival])
        if isinstance(result, SpoolError):
            raise result
        return result

    def put_together(self, arrivals: Sequence[Arrival]) -> List[Union[bool, SpoolError]]:
        """Keep deliveries in one commit: what put() returns or raises, for each.

        After one that was not kept, none is, so that none is before what comes again.
        """
        if self.hangs and arrivals:
            return [self._no_answer() for _ in arrivals]
        done = Signal()
        self._puts.append((arrivals, done))
        self.arriving += len(arrivals)
        try:
            self._nudge()
            return done.wait()
        except SpoolError as error:
            return [error for _ in arrivals]
        finally:
            self.arriving -= len(arrivals)

    def begin_epoch(self) -> int:
        """Leave room for deliveries that go before all that are put from now on: the epoch.

        Returns when what was put before is on disk, or was refused: that may be in the epoch, too.
        """
        epoch = tpool.execute(self._store.begin_epoch)  # in the writer's thread
        self.put_together([])
        return epoch

    def numbers(self, lane: str) -> Dict[str, int]:
        """The numbers of the deliveries that wait in a lane, by their traces; SpoolError."""
        return self._store.numbers(lane)

    def next_in(self, epoch: int) -> int:
        """The first number in the room of an epoch that none above it has; SpoolError."""
        return self._store.next_in(epoch)

    def remove(self, delivery: Delivery) -> None:
        """Forget a delivery that StackStorm has. Returns before that is on disk."""
        self._removals.add(delivery.id)
        self._nudge()

    def next(self, lane: str, after: int) -> Optional[Delivery]:
        """The first delivery of a lane with an id above `after`; SpoolError if unreadable.

        Never yields to another greenlet.
        """
        try:
            return self._store.next(lane, after)
        except SpoolError:
            self._nudge()
            raise

    def lanes(self) -> List[str]:
        """The lanes in which deliveries wait; SpoolError if unreadable."""
        return self._store.lanes()

    def oldest(self) -> float:
        """For how many seconds the oldest delivery has waited, 0 if none can be read."""
        return self._store.oldest()

    def settle(self) -> None:
        """Return when all that came is on disk, and all that was removed is gone from there."""
        while self.arriving or self._removals:
            self._nudge()
            eventlet.sleep(0.01)

    def _open(self) -> None:
        self._store.open()
        for directory in self._earlier:
            if directory != self.directory:
                take_over(directory, self._store)

    def _nudge(self) -> None:
        if not self._wake.ready():
            self._wake.send()

    def _write_forever(self) -> None:
        while True:
            self._wake.wait()
            self._wake = Signal()
            while self._puts or self._removals or self._store.damaged:
                if not self._write_batch():
                    eventlet.spawn_after(timing.COMMIT_RETRY_DELAY, self._nudge)
                    break

    def _write_batch(self) -> bool:
        """Commit what has gathered; False if nobody waited for it and it cannot be written."""
        batch, self._puts = self._puts[:LARGEST_BATCH], self._puts[LARGEST_BATCH:]
        removals = set(self._removals)
        arrivals = [arrival for together, _ in batch for arrival in together]
        slow = get_hub().schedule_call_global(timing.COMMIT_TIMEOUT, self._refuse)
        try:
            results = iter(tpool.execute(self._store.commit, arrivals, removals))
        except BaseException as error:  # the writer may be begun again, but those here wait
            for _, done in batch:
                done.send_exception(error)
            if isinstance(error, SpoolError):
                return bool(batch)
            raise
        finally:
            slow.cancel()
            self.hangs = False
            self._tell()
        self._removals -= removals
        for together, done in batch:
            done.send(list(itertools.islice(results, len(together))))
        return True

    def _refuse(self) -> None:
        """Nobody is to wait for a disk that hangs, but who is in its commit already."""
        self.hangs = True
        puts, self._puts = self._puts, [put for put in self._puts if not put[0]]
        for arrivals, done in puts:
            if arrivals:
                done.send_exception(self._no_answer())

    def _no_answer(self) -> SpoolError:
        return SpoolError(f"The disk of {self.directory} does not answer.")

    def _tell(self) -> None:
        for words, tell in ((self._store.repairs, self._repaired),
                            (self._store.notices, self._notice)):
            while words:
                tell(words.pop(0))
