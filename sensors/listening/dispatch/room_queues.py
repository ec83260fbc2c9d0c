"""From the spool to the dispatcher: in order within a room, in parallel across rooms."""
import time
from typing import Callable, Dict, List, Optional, Set

import eventlet
from eventlet.queue import Queue
from eventlet.semaphore import Semaphore

from listening import timing
from listening.backoff import Backoff
from listening.operations.health import Health
from listening.errors import RetryLater, ServiceUnavailable
from listening.spool import Delivery, Spool, SpoolError
from listening.operations.supervisor import Supervisor

__all__ = ["RoomQueues"]

WORKERS = 50  # dispatches at the same time
GROUP = 10  # dispatches that go together while deliveries arrive
STACKSTORM = ("broker", "database")
OUTAGES = STACKSTORM + ("HipChat",)  # what an outage can be of


class _RoomQueue:
    """Where a lane stands: the last delivery begun, and done, and what of the next is done already.
    """

    def __init__(self):
        self.begun = self.done = 0
        self.told: Set[str] = set()
        self.backoff = Backoff(timing.DISPATCH_RETRY_MAX)


class RoomQueues:
    """Takes the deliveries of each lane out of the spool, one after the other.

    deliver (delivery, the refs of triggers that have it) raises when it fails, and is called again
    until it does not; until then the delivery stays in the spool. While it raises
    ServiceUnavailable, one lane
    is tried for all of them.
    """

    def __init__(self, spool: Spool, deliver: Callable[[Delivery, Set[str]], None],
                 health: Health):
        self._spool, self._deliver, self._health = spool, deliver, health
        self._room_queues: Dict[str, _RoomQueue] = {}
        self._under_way: Dict[str, float] = {}
        self._failing: Dict[str, str] = {}  # what is in trouble ("broker", ...), by lane
        self._busy: Set[str] = set()
        self._queue: Queue = Queue()
        self._gate = Semaphore()
        self._gone = 0
        self._probe: Optional[str] = None  # the lane that is tried during an outage
        self._held: List[str] = []  # those that wait for its end
        self._stopped: Dict[str, bool] = {}  # lanes on hold, and whether a delivery waits there
        self._outage_backoff = Backoff(timing.OUTAGE_RETRY_MAX)
        self._finishing = False

    def start(self, supervisor: Supervisor) -> None:
        """Begin, with what waits in the spool."""
        supervisor.run_forever("dispatching", self._notify_all)
        for _ in range(WORKERS):
            supervisor.run_forever("dispatching", self._work)
        supervisor.run_forever("watching", self._watch)

    def notify(self, lane: str) -> None:
        """There is a new delivery in this lane."""
        if lane not in self._busy:
            self._busy.add(lane)
            self._queue.put(lane)

    def hold(self, lane: str) -> None:
        """Begin no delivery of this lane until release()."""
        self._stopped.setdefault(lane, False)

    def release(self, lane: str) -> None:
        """Go on with a lane; nothing is done for one that is not on hold."""
        if self._stopped.pop(lane, False):
            self._queue.put(lane)

    def begun(self, lane: str) -> int:
        """The number of the last delivery of a lane that was begun, 0 if none was."""
        return self._room_queues[lane].begun if lane in self._room_queues else 0

    def _notify_all(self) -> None:
        for lane in self._spool.lanes():
            self.notify(lane)

    def finish(self) -> None:
        """Begin no delivery any more, and return when none is under way."""
        self._finishing = True
        while self._under_way:
            eventlet.sleep(0.01)

    def _work(self) -> None:
        while True:
            name = self._queue.get()
            try:
                self._attend(name)
            except BaseException:
                # Or else nobody looked at it any more.
                self._queue_after(timing.DISPATCH_RETRY_MAX, name)
                raise

    def _attend(self, name: str) -> None:
        """One delivery of a lane."""
        self._give_way()
        if self._finishing:
            return
        if name in self._stopped:
            self._stopped[name] = True
            self._let_another_probe(name)
            return
        if self._probe not in (None, name):
            self._held.append(name)
            return
        lane = self._room_queues.setdefault(name, _RoomQueue())
        try:
            idle = not self._next_done(name, lane)
        except ServiceUnavailable as outage:
            self._hold(name, outage)
        except Exception as error:
            self._failed(name, error)
            self._queue_after(lane.backoff.failed(), name)
        else:
            if idle:  # first of all: whoever notifies while this greenlet waits must be heard
                self._busy.discard(name)
            else:
                self._queue.put(name)
            self._succeeded(name)

    def _next_done(self, name: str, lane: _RoomQueue) -> bool:
        """Deliver a lane's next delivery and remove it; False if there is none."""
        delivery = self._spool.next(name, lane.done)
        if delivery is None:
            return False
        lane.begun, self._under_way[name] = delivery.id, time.monotonic()
        try:
            self._deliver(delivery, lane.told)
            lane.done, lane.told = delivery.id, set()
            lane.backoff.succeeded()
            self._spool.remove(delivery)
        finally:
            del self._under_way[name]
        return True

    def _queue_after(self, pause: float, name: str) -> None:
        eventlet.spawn_after(pause, self._queue.put, name)

    def _give_way(self) -> None:
        """HipChat waits for its 204, and nobody for a dispatch."""
        with self._gate:
            if self._gone % GROUP == 0:
                until = time.monotonic() + timing.DISPATCH_YIELD_TIMEOUT
                while self._spool.arriving and time.monotonic() < until:
                    eventlet.sleep(timing.DISPATCH_YIELD_TIMEOUT / 10)
            self._gone += 1

    def _hold(self, name: str, outage: ServiceUnavailable) -> None:
        self._health.set_problem(outage.part, outage.summary, outage.detail, about="outage")
        for part in OUTAGES:
            if part != outage.part:
                self._health.clear_problem(part, about="outage")
        if self._probe in (None, name):
            self._probe = name
            self._queue_after(self._outage_backoff.failed(), name)
        else:
            self._held.append(name)

    def _failed(self, lane: str, error: Exception) -> None:
        self._end_outage(lane)
        if isinstance(error, RetryLater):
            part, summary, detail = error.part, error.summary, error.detail
        elif isinstance(error, SpoolError):
            part, summary, detail = "spool", "cannot be read", str(error)
        else:
            part, summary, detail = "broker", "dispatching to StackStorm fails", (
                "Deliveries wait in the spool and are tried again until StackStorm takes them. "
                "The error: {:.300}".format(repr(error)))
        if self._failing.get(lane) != part:
            self._well(lane)
        self._failing[lane] = part
        self._health.set_problem(part, summary, detail)

    def _watch(self) -> None:
        """A broker, a database and a disk may take long before they fail."""
        while True:
            eventlet.sleep(timing.DISPATCH_SLOW / 5)
            if self._spool.hangs:
                self._health.set_problem("spool", "the disk does not answer",
                                         "Deliveries are refused, "
                                     "and looked for in HipChat's history when it does. Check the "
                                     "disk of {}.".format(self._spool.directory), about="disk")
            else:
                self._health.clear_problem("spool", about="disk")
            slow = {lane for lane, since in self._under_way.items()
                    if time.monotonic() - since > timing.DISPATCH_SLOW}
            # Else what is told already says more.
            if slow and not any(map(self._health.is_troubled, STACKSTORM)):
                self._health.set_problem("broker", "dispatching to StackStorm takes long",
                                     "Deliveries wait in the spool. Check RabbitMQ and MongoDB.")
            for lane in slow:
                self._failing.setdefault(lane, "broker")

    def _succeeded(self, lane: str) -> None:
        self._end_outage(lane)
        self._well(lane)

    def _well(self, lane: str) -> None:
        """What a lane failed for troubles it no more."""
        part = self._failing.pop(lane, None)
        if part and part not in self._failing.values():
            self._health.clear_problem(part)

    def _let_another_probe(self, lane: str) -> None:
        if self._probe == lane:
            self._probe = self._held.pop(0) if self._held else None
            if self._probe is not None:
                self._queue.put(self._probe)

    def _end_outage(self, lane: str) -> None:
        """The lane that was tried for all was not refused: the others can go."""
        if self._probe != lane:
            return
        self._probe = None
        self._outage_backoff.succeeded()
        for part in OUTAGES:
            self._health.clear_problem(part, about="outage")
        held, self._held = self._held, []
        for name in held:
            self._queue.put(name)
