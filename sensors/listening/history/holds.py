"""Rooms whose new deliveries wait, and where among them goes what was missed."""
import contextlib
import itertools
import logging
from typing import Dict, Iterator, List, Optional, Sequence, Set, Union

import eventlet

from hipchat.text.room_reference import is_room_id
from hipchat.api.room_history import HistoryItem
from listening import timing
from listening.dispatch.room_queues import RoomQueues
from listening.spool import Arrival, Spool, SpoolError
from listening.spool.epochs import epoch_of, has_come_in_it

__all__ = ["Holds"]

AT_ONCE = 500  # deliveries in one commit


class _Hold:
    """A room whose new deliveries wait; keeping: what was missed is on its way to the disk.

    epoch: that of the deliveries that wait, 0 until it has begun; came: by what these are known;
    met: one of them was met in the history, so that what follows there comes after it; begun: how
    far the lane is.
    """

    def __init__(self) -> None:
        self.epoch = self.begun = 0
        self.came: Set[str] = set()
        self.keeping = self.met = False


class Holds:
    """Keeps what was missed in the order of the history, among the deliveries that wait.

    While a room is on hold, its new deliveries are kept and not dispatched, at most
    ROOM_PAUSE_MAX. kept: how many deliveries were put that nobody had heard.
    """

    def __init__(self, spool: Spool, room_queues: RoomQueues, log: logging.Logger):
        self._spool, self._room_queues, self._log = spool, room_queues, log
        self.kept = 0
        self._holds: Dict[int, _Hold] = {}
        self._numbers: Dict[int, Iterator[int]] = {}  # of the rooms of epochs

    def rooms(self) -> Set[int]:
        """The rooms on hold."""
        return set(self._holds)

    def hold(self, rooms: List[int]) -> None:
        """Let the new deliveries of rooms wait, until release()."""
        holds = {number: _Hold() for number in rooms if number not in self._holds}
        self._holds.update(holds)
        for number in holds:
            self._room_queues.hold(str(number))
        if holds:
            eventlet.spawn_after(timing.ROOM_PAUSE_MAX, self._hold_no_longer, holds)
            # Not before: what is dispatched has a lower number than what was missed.
            try:
                epoch = self._spool.begin_epoch()
            except SpoolError as error:
                self._log.info("What was missed in rooms comes later than what is said now: %s",
                               error)
                for number in holds:
                    self.release(number)
                return
            for hold in holds.values():
                hold.epoch = epoch

    def release(self, number: int) -> None:
        """Dispatch the deliveries of a room; nothing is done for one that is not on hold."""
        if self._holds.pop(number, None):
            self._room_queues.release(str(number))

    @contextlib.contextmanager
    def arriving(self, arrived: Arrival) -> Iterator[None]:
        """While a delivery is kept; it counts unless SpoolError is raised."""
        hold = self._holds.get(int(arrived.lane)) if self._holds and is_room_id(
            arrived.lane) else None
        if hold:
            hold.came.add(arrived.message)
        try:
            yield
        except SpoolError:
            if hold:
                hold.came.discard(arrived.message)
            raise

    def is_awaited(self, number: int) -> bool:
        """Whether there are deliveries that wait until a room was looked at."""
        return number in self._holds and bool(self._holds[number].came)

    def is_waiting(self, number: int) -> bool:
        """Whether deliveries of a room wait, on hold or not; SpoolError."""
        return bool(self._spool.numbers(str(number)))

    @property
    def forgotten(self) -> float:
        """Up to when it is not known any more what came, by our clock; 0.0 if it is."""
        return self._spool.forgotten

    def put(self, number: int, items: List[HistoryItem],
            arrivals: List[Optional[Arrival]]) -> List[bool]:
        """Keep them; those of a room on hold where they belong among the deliveries that wait.

        Whether each had not been heard before, up to the first that has no place there: it follows
        what came by a webhook, and by a webhook it comes. SpoolError if one could not be kept; then
        all are fetched again.
        """
        if not arrivals:
            return []
        hold = self._holds.get(number)
        while hold and not hold.epoch:  # it begins just now
            eventlet.sleep(0.001)
            hold = self._holds.get(number)
        if hold:
            hold.keeping, hold.met = True, False
            hold.begun = self._room_queues.begun(str(number))
            epochs = _epochs(items, self._spool.numbers(str(number)), hold.epoch)
            for epoch in set(epochs) - set(self._numbers) - {None}:
                self._numbers[epoch] = itertools.count(self._spool.next_in(epoch))
        results: List[Optional[bool]] = []
        try:
            for start in range(0, len(arrivals), AT_ONCE):
                some = arrivals[start:start + AT_ONCE]
                results += self._keep([each or False for each in some] if hold is None else [
                    self._placed(each, hold, epoch) for each, epoch in zip(some, epochs[start:])])
        finally:
            if hold:
                hold.keeping = False
            self._room_queues.notify(str(number))
        return results[:results.index(None)] if None in results else results

    def _hold_no_longer(self, holds: Dict[int, _Hold]) -> None:
        for number, hold in holds.items():
            if self._holds.get(number) is hold and not hold.keeping:
                self.release(number)
                self._log.info("Room %d: what was said while nobody listened could not be fetched "
                               "within %.0f s. It comes later than what is said now.", number,
                               timing.ROOM_PAUSE_MAX)

    def _placed(self, arrived: Optional[Arrival], hold: _Hold,
                epoch: Optional[int]) -> Union[Arrival, bool, None]:
        """With its number; False if there is nothing to keep, None if it has no place."""
        if arrived and epoch == hold.epoch:
            hold.met = hold.met or not hold.came.isdisjoint((arrived.message,) + arrived.others)
        if epoch is None or epoch == hold.epoch and hold.met:
            return None
        place = next(self._numbers[epoch])
        if place <= hold.begun:  # the lane is further than that: nobody would find it
            return None
        return arrived._replace(number=place) if arrived else False

    def _keep(self, placed: Sequence[Union[Arrival, bool, None]]) -> List[Optional[bool]]:
        """Whether each had not been heard before; what is no arrival stands for itself."""
        arrivals = [each for each in placed if each]
        kept = iter(self._spool.put_together(arrivals) if arrivals else ())
        results = [next(kept) if each else each for each in placed]
        self.kept += results.count(True)
        for result in results:
            if isinstance(result, SpoolError):
                raise result
        return results


def _epochs(items: List[HistoryItem], numbers: Dict[str, int], last: int) -> List[Optional[int]]:
    """In the room of which epoch each item of a history belongs, so that it is before whatever
    waits (numbers, by message id) and follows it there; None where it follows what came in that
    epoch itself, too."""
    waiting = [numbers.get(item.message_id, -1) for item in items]
    came = [epoch_of(number) if number >= 0 and has_come_in_it(number) else None
            for number in waiting]
    found: List[Optional[int]] = []
    for epoch in reversed(came):
        last = last if epoch is None else epoch
        found.append(last)
    found.reverse()
    before: Set[Optional[int]] = set()
    for place, epoch in enumerate(came):
        if epoch is None and found[place] in before:
            found[place] = None
        before.add(epoch)
    return found
