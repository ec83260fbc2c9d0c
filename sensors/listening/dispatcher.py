"""From the spool to StackStorm: in order within a room, in parallel across rooms."""
import logging
import time
from typing import Any, Callable, Dict, Set

import eventlet
from eventlet.queue import Queue
from eventlet.semaphore import Semaphore

from listening.backoff import Backoff
from hipchat.events import HIPCHAT_EVENTS, payload, read_body, rooms_of, text_of
from listening.health import Health
from listening.listeners import Listeners
from listening.spool import Delivery, Spool, SpoolError
from hipchat.webhook_url import Address

__all__ = ["Dispatcher"]

WORKERS = 50  # dispatches at the same time
GROUP = 10  # dispatches that go together while deliveries arrive
GIVE_WAY = 0.02  # seconds for which a group waits, at most, for deliveries that arrive
SLOW = 5.0  # seconds after which a dispatch counts as trouble, though it has not failed yet
LONGEST_PAUSE = 30.0  # seconds between two attempts of a delivery

DROPPED = {
    "filtered": "no trigger's filter is found in its text",
    "unwanted": "no trigger hears this event in this room",
    "unreadable": "it cannot be read any more",
}

Dispatch = Callable[[str, Dict[str, Any], str], None]


class _Lane:
    """Where a lane stands: the last delivery done, and what of the next one is done already."""

    def __init__(self):
        self.done = 0
        self.told: Set[str] = set()
        self.backoff = Backoff(LONGEST_PAUSE)


class Dispatcher:
    """Matches deliveries with listeners and dispatches each once per matching trigger.

    dispatch (trigger ref, payload, trace tag) raises when it fails. refresh is called before the
    first delivery and after a failure, to learn of triggers that changed unheard; it may raise.
    A delivery stays in the spool until each of its triggers has it. unwanted is called with the
    address of a delivery that no listener hears.
    """

    def __init__(self, spool: Spool, listeners: Listeners, dispatch: Dispatch,
                 refresh: Callable[[], None], unwanted: Callable[[Address], None],
                 template_guard: bool, health: Health, log: logging.Logger):
        self._spool, self._listeners, self._template_guard = spool, listeners, template_guard
        self._dispatch, self._refresh, self._unwanted = dispatch, refresh, unwanted
        self._health, self._log = health, log
        self._stale = True
        self._refreshing = Semaphore()
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

    def _deliver(self, delivery: Delivery, told: Set[str]) -> None:
        """Dispatch to every matching trigger that is not in told, which grows as they are."""
        self._refresh_if_stale()
        try:
            event, body = HIPCHAT_EVENTS[delivery.event], read_body(delivery.body)
        except (KeyError, ValueError):
            self._drop(delivery, "unreadable")
            return
        heard = self._listeners.matching(delivery.event, [delivery.room] + rooms_of(body),
                                         text_of(event, body["item"]))
        for listener, groups in heard or []:
            if listener.ref in told:
                continue
            try:
                self._dispatch(listener.ref, payload(event, body, listener.trigger_id, groups,
                                                     self._template_guard), delivery.trace)
            except Exception:
                self._stale = True
                raise
            told.add(listener.ref)
        if told:
            self._health.dispatched += 1
            self._log.info("Delivery %d, %s in room %s: dispatched to %s, %.0f ms after it came.",
                           delivery.id, delivery.event, delivery.room, ", ".join(sorted(told)),
                           1000 * (time.time() - delivery.received))
        elif heard is not None:
            self._drop(delivery, "filtered")
        else:
            self._drop(delivery, "unwanted")
            self._unwanted(Address(delivery.event, delivery.room))

    def _refresh_if_stale(self) -> None:
        with self._refreshing:
            if self._stale:
                self._refresh()
                self._stale = False

    def _drop(self, delivery: Delivery, reason: str) -> None:
        self._health.dropped[reason] += 1
        self._log.info("Delivery %d, %s in room %s: dropped, %s.", delivery.id, delivery.event,
                       delivery.room, DROPPED[reason])
