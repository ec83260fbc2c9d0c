"""From the spool to the dispatcher: in order within a room, in parallel across rooms."""
import time
from typing import Callable, Dict, Set

import eventlet
from eventlet.queue import Queue
from eventlet.semaphore import Semaphore

from listening.backoff import Backoff
from listening.health import Health
from listening.spool import Delivery, Spool, SpoolError

__all__ = ["Lanes"]

WORKERS = 50  # dispatches at the same time
GROUP = 10  # dispatches that go together while deliveries arrive
GIVE_WAY = 0.02  # seconds for which a group waits, at most, for deliveries that arrive
SLOW = 5.0  # seconds after which a dispatch counts as trouble, though it has not failed yet
LONGEST_PAUSE = 30.0  # seconds between two attempts of a delivery


class _Lane:
    """Where a lane stands: the last delivery done, and what of the next one is done already."""

    def __init__(self):
        self.done = 0
        self.told: Set[str] = set()
        self.backoff = Backoff(LONGEST_PAUSE)


class Lanes:
    """Takes the deliveries of each lane out of the spool, one after the other.

    deliver (delivery, the refs of triggers that have it) raises when it fails, and is called again
    until it does not; until then the delivery stays in the spool.
    """

    def __init__(self, spool: Spool, deliver: Callable[[Delivery, Set[str]], None],
                 health: Health):
        self._spool, self._deliver, self._health = spool, deliver, health
        self._lanes: Dict[str, _Lane] = {}
        self._under_way: Dict[str, float] = {}
        self._failing: Set[str] = set()
        self._busy: Set[str] = set()
        self._queue: Queue = Queue()
        self._gate = Semaphore()
        self._gone = 0

    def start(self) -> None:
        """Begin, with what waits in the spool."""
        for lane in self._spool.lanes():
            self.notify(lane)
        for _ in range(WORKERS):
            eventlet.spawn(self._work)
        eventlet.spawn(self._watch)

    def notify(self, lane: str) -> None:
        """There is a new delivery in this lane."""
        if lane not in self._busy:
            self._busy.add(lane)
            self._queue.put(lane)

    def _work(self) -> None:
        while True:
            name = self._queue.get()
            self._give_way()
            lane = self._lanes.setdefault(name, _Lane())
            try:
                delivery = self._spool.next(name, lane.done)
                if delivery is None:
                    self._succeeded(name)
                    self._busy.discard(name)
                    continue
                self._under_way[name] = time.monotonic()
                try:
                    self._deliver(delivery, lane.told)
                finally:
                    del self._under_way[name]
            except Exception as error:
                self._failed(name, error)
                eventlet.spawn_after(lane.backoff.failed(), self._queue.put, name)
            else:
                lane.done, lane.told = delivery.id, set()
                lane.backoff.succeeded()
                self._succeeded(name)
                self._spool.remove(delivery)
                self._queue.put(name)

    def _give_way(self) -> None:
        """HipChat waits for its 204, and nobody for a dispatch."""
        with self._gate:
            if self._gone % GROUP == 0:
                until = time.monotonic() + GIVE_WAY
                while self._spool.arriving and time.monotonic() < until:
                    eventlet.sleep(GIVE_WAY / 10)
            self._gone += 1

    def _failed(self, lane: str, error: Exception) -> None:
        self._failing.add(lane)
        if isinstance(error, SpoolError):
            self._health.trouble("spool", "cannot be read", str(error))
        else:
            self._health.trouble(
                "broker", "dispatching to StackStorm fails",
                "Deliveries wait in the spool and are tried again until StackStorm takes them. "
                "Check RabbitMQ and MongoDB. The error: {:.300}".format(repr(error)))

    def _watch(self) -> None:
        """The publisher waits long for a broker or a database before it gives up."""
        while True:
            eventlet.sleep(SLOW / 5)
            slow = {lane for lane, since in self._under_way.items()
                    if time.monotonic() - since > SLOW}
            if slow and not self._failing:  # else what is told already says more
                self._health.trouble("broker", "dispatching to StackStorm takes long",
                                     "Deliveries wait in the spool. Check RabbitMQ and MongoDB.")
            self._failing |= slow

    def _succeeded(self, lane: str) -> None:
        if lane in self._failing:
            self._failing.discard(lane)
            if not self._failing:
                self._health.well("broker")
                self._health.well("spool")
