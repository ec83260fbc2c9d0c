"""Passes deliveries from the spool to the dispatcher: in order within a room, rooms in parallel."""
import logging
import time
from collections import defaultdict
from typing import Any, Callable, Dict, Set

import eventlet
from eventlet.hubs import get_hub
from eventlet.queue import Queue
from eventlet.semaphore import Semaphore

from listening import timing
from listening.backoff import Backoff
from listening.dispatch.circuit_breaker import CircuitBreaker
from listening.errors import RetryLater, ServiceUnavailable
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor
from listening.spool import Spool, SpoolError, StoredDelivery

__all__ = ["RoomQueues"]

WORKERS = 50  # dispatches at the same time
DISPATCHES_PER_YIELD = 10
STACKSTORM = ("broker", "database")


class RoomQueues:
    """Dispatches the spool's deliveries: one at a time per room, WORKERS rooms in parallel.

    notify() queues a room. A worker greenlet reads the room's first delivery from the spool, calls
    `deliver`, and removes the delivery once `deliver` has returned without an error.
    """

    def __init__(self, spool: Spool, deliver: Callable[[StoredDelivery, Set[str]], None],
                 health: Health, log: logging.Logger):
        """Args:
            deliver: dispatches a delivery; called with the delivery and a set, to which it adds
                the ref of each trigger that received the delivery. If it raises an exception, it
                is called again later with the same delivery and set. After ServiceUnavailable, it
                is called for one room only, until this room's call succeeds.
        """
        self._spool, self._deliver, self._health, self._log = spool, deliver, health, log
        # The refs of the triggers that received a delivery whose dispatch failed halfway, by its
        # sequence number. A room can have several of these deliveries: one that is read from the
        # history later is dispatched first, and may fail, too.
        self._dispatched_to: Dict[int, Set[str]] = defaultdict(set)
        self._backoffs: Dict[int, Backoff] = defaultdict(
            lambda: Backoff(timing.DISPATCH_RETRY_MAX))  # by room
        self._started_at: Dict[int, float] = {}  # of running dispatches (monotonic), by room
        self._failing: Dict[int, str] = {}  # the part with a problem ("broker", ...), by room
        self._busy: Set[int] = set()  # rooms that are queued, served or waiting
        self._queue: Queue = Queue()
        self._breaker = CircuitBreaker(self._queue.put, health)
        self._yielding = Semaphore()
        self._dispatches = 0
        self._pauses: Dict[int, Any] = {}  # timers that end the pauses, by room
        self._awaiting: Set[int] = set()  # rooms whose deliveries wait for the end of a pause
        self._is_finishing = False

    def start(self, supervisor: Supervisor) -> None:
        """Start the workers, and queue the rooms that have deliveries in the spool."""
        for room_id in self._spool.rooms():
            self.notify(room_id)
        for _ in range(WORKERS):
            supervisor.run_forever("dispatching", self._work)
        supervisor.run_forever("watching", self._watch)

    def notify(self, room_id: int) -> None:
        """Queue a room that has a new delivery."""
        if room_id not in self._busy:
            self._busy.add(room_id)
            self._queue.put(room_id)

    def pause(self, room_id: int) -> None:
        """Stop dispatching a room until resume() is called, at most for timing.ROOM_PAUSE_MAX.

        New deliveries wait, so that missed messages from the history are dispatched first.
        """
        if room_id in self._pauses:
            self._pauses[room_id].cancel()
        self._pauses[room_id] = get_hub().schedule_call_global(
            timing.ROOM_PAUSE_MAX, self._end_pause, room_id)

    def resume(self, room_id: int) -> None:
        """End a room's pause, if there is one."""
        if room_id in self._pauses:
            self._pauses.pop(room_id).cancel()
        if room_id in self._awaiting:
            self._awaiting.remove(room_id)
            self._queue.put(room_id)

    def paused(self) -> Set[int]:
        """Return the IDs of the paused rooms."""
        return set(self._pauses)

    def is_awaited(self, room_id: int) -> bool:
        """Return whether a delivery waits for the end of a room's pause."""
        return room_id in self._awaiting

    def finish(self) -> None:
        """Start no more dispatches, and wait until the running ones have ended."""
        self._is_finishing = True
        while self._started_at:
            eventlet.sleep(0.01)

    def _end_pause(self, room_id: int) -> None:
        self._log.info("Room %d: its history could not be read within %.0f s. New deliveries are "
                       "dispatched now, and missed ones later, out of order.", room_id,
                       timing.ROOM_PAUSE_MAX)
        self.resume(room_id)

    def _work(self) -> None:
        while True:
            room_id = self._queue.get()
            try:
                self._serve(room_id)
            except BaseException:
                # The supervisor restarts the worker; the room must be queued again.
                eventlet.spawn_after(timing.DISPATCH_RETRY_MAX, self._queue.put, room_id)
                raise

    def _serve(self, room_id: int) -> None:
        """Dispatch one delivery of a room, unless a pause or the circuit breaker holds it back."""
        self._yield_to_arriving()
        if self._is_finishing:
            return
        if room_id in self._pauses:
            self._awaiting.add(room_id)
            self._breaker.pass_on(room_id)
            return
        if self._breaker.holds_back(room_id):
            return
        try:
            is_idle = not self._dispatch_next(room_id)
        except ServiceUnavailable as outage:
            self._breaker.open(room_id, outage)
        except Exception as error:
            self._breaker.close(room_id)
            self._note_failure(room_id, error)
            eventlet.spawn_after(self._backoffs[room_id].failed(), self._queue.put, room_id)
        else:
            if is_idle:  # clear this before anything yields, or a notify() in between is lost
                self._busy.discard(room_id)
            else:
                self._queue.put(room_id)
            self._breaker.close(room_id)
            self._note_success(room_id)

    def _dispatch_next(self, room_id: int) -> bool:
        """Dispatch a room's next delivery and remove it; return False if the room has none."""
        delivery = self._spool.next(room_id)
        if delivery is None:
            return False
        self._started_at[room_id] = time.monotonic()
        try:
            self._deliver(delivery, self._dispatched_to[delivery.sequence_number])
            del self._dispatched_to[delivery.sequence_number]
            self._backoffs[room_id].succeeded()
            self._spool.remove(delivery)
        finally:
            del self._started_at[room_id]
        return True

    def _yield_to_arriving(self) -> None:
        """Let deliveries that arrive now be stored first: HipChat waits for its 204 response."""
        with self._yielding:
            if self._dispatches % DISPATCHES_PER_YIELD == 0:
                until = time.monotonic() + timing.DISPATCH_YIELD_TIMEOUT
                while self._spool.arriving and time.monotonic() < until:
                    eventlet.sleep(timing.DISPATCH_YIELD_TIMEOUT / 10)
            self._dispatches += 1

    def _note_failure(self, room_id: int, error: Exception) -> None:
        if isinstance(error, RetryLater):
            part, summary, detail = error.part, error.summary, error.detail
        elif isinstance(error, SpoolError):
            part, summary, detail = "spool", "cannot be read", str(error)
        else:
            part, summary, detail = "broker", "dispatching to StackStorm fails", (
                "Deliveries wait in the spool, and are tried again until StackStorm accepts them. "
                f"The error: {error!r:.300}")
        if self._failing.get(room_id) != part:
            self._note_success(room_id)
        self._failing[room_id] = part
        self._health.set_problem(part, summary, detail)

    def _note_success(self, room_id: int) -> None:
        """Clear the problem with which a room failed, unless another room has the same problem."""
        part = self._failing.pop(room_id, None)
        if part and part not in self._failing.values():
            self._health.clear_problem(part)

    def _watch(self) -> None:
        """Report slow dispatches and disk commits in /health, as they may hang without an error."""
        while True:
            eventlet.sleep(timing.DISPATCH_SLOW / 5)
            if self._spool.hangs:
                self._health.set_problem(
                    "spool", "the disk does not answer", "Until it answers, deliveries are "
                    "refused; then they are read from HipChat's history. Check the disk of "
                    f"{self._spool.directory}.", about="disk")
            else:
                self._health.clear_problem("spool", about="disk")
            slow = {room_id for room_id, started_at in self._started_at.items()
                    if time.monotonic() - started_at > timing.DISPATCH_SLOW}
            # A problem of the broker or the database is more exact.
            if slow and not any(map(self._health.has_problem, STACKSTORM)):
                self._health.set_problem("broker", "dispatching to StackStorm takes long",
                                         "Deliveries wait in the spool. Check RabbitMQ and "
                                         "MongoDB.")
            for room_id in slow:
                self._failing.setdefault(room_id, "broker")
