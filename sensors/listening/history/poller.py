"""When which room's history is read for what was missed."""
import time
from typing import Any, Dict, List, Optional, Set, Tuple

import eventlet

from hipchat.errors import Forbidden, HipChatError, NotFound, NotInstalled, RateLimited
from hipchat.api.rate_limit import CallBudget
from hipchat.api.room_history import HISTORY_EVENTS
from listening import timing
from listening.backoff import Backoff
from listening.context import Context
from listening.dispatch.room_queues import RoomQueues
from listening.history.backfill import Backfill
from listening.history.cursors import Cursors
from listening.history.subscribed import Subscribed
from listening.room_schedule import RoomSchedule
from listening.spool import Spool, SpoolError
from listening.webhooks.reconciler import WebhookReconciler

__all__ = ["HistoryPoller"]


class _Room:
    """What is known of a room. Times are of time.monotonic(), 0.0 for never.

    Attributes:
        needs_check: Whether something may have been missed there.
        requests: How often a check was requested.
        active_at: When something was posted there last.
        read_at: When the last successful reading began.
        first_read_at: When it got its first cursor; what was posted before may be on its way.
        unsubscribed_at: Since when nothing is subscribed there.
        is_refused: Whether its history could not be read when that was tried last.
        successes: How many readings of whatever room had succeeded when the last one here failed;
            None if it did not.
    """

    def __init__(self) -> None:
        self.needs_check = True
        self.requests = 0
        self.active_at = self.read_at = self.unsubscribed_at = 0.0
        self.first_read_at = -timing.WEBHOOK_SETTLE_DELAY
        self.is_refused = False
        self.successes: Optional[int] = None

    @property
    def is_lively(self) -> bool:
        """Whether something was posted there lately: a polled room is read twice as often then."""
        return bool(self.active_at) and (
            time.monotonic() - self.active_at < timing.ROOM_LIVELY_KEPT)

    @property
    def rounds(self) -> int:
        """In how many rounds it is polled once."""
        return 1 if self.is_lively else 2


class HistoryPoller:
    """Reads the history of each subscribed room when something may have been missed there.

    While a room needs a check, its new deliveries wait for the backfilled ones. Now and then each
    room is read without a request. With catch_up 0 that is done for polled rooms only: those
    without webhooks, of which the history alone tells. They are read in turn, at the pace that the
    budget of calls allows.

    What is older than catch_up is counted and logged. In a polled room a message may be as old as
    two pauses between readings, but not older than dispatched ones are known (dedup_kept).
    """

    def __init__(self, context: Context, budget: CallBudget, cursors: Cursors, spool: Spool,
                 room_queues: RoomQueues, webhooks: WebhookReconciler):
        self._context, self._budget, self._webhooks = context, budget, webhooks
        self._cursors, self._spool, self._room_queues = cursors, spool, room_queues
        self._catch_up, self._health = context.settings.catch_up, context.health
        self._subscribed = Subscribed(context.subscriptions, cursors, context.client.now)
        self._backfill = Backfill(
            context=context, cursors=cursors, spool=spool, room_queues=room_queues,
            subscribed=self._subscribed, webhooks=webhooks)
        self._schedule = RoomSchedule(timing.HISTORY_ROOM_RETRY_MAX, self._priority)
        self._rooms: Dict[int, _Room] = {}
        self._named: Set[int] = set()  # rooms that a rule names
        self._reading: Optional[int] = None  # a room
        self._polled = 0
        self._successes = 0  # readings
        self._rechecked_at = 0.0  # when a part of the spool was lost; time.monotonic()
        self._backoff = Backoff(timing.HIPCHAT_RETRY_MAX)
        context.health.add_metrics(history=self._report)

    def begin(self) -> None:
        """Let new deliveries wait in the rooms that are known; before any is dispatched.

        Raises:
            ServiceUnavailable: Where the cursors are stored does not answer.
        """
        self._cursors.load(lambda detail: self._health.record_incident(
            "history", "where it was read up to is not known any more", detail))
        self._subscribed.load()
        if self._catch_up:
            self._pause(self._cursors.rooms())

    def request_check(self, room_id: Optional[int] = None) -> None:
        """Read a room's history soon, or every room's: something may have been missed."""
        now, to_pause = time.monotonic(), []
        for each, room in self._rooms.items():
            if room_id in (None, each):
                due_at = room.first_read_at + timing.WEBHOOK_SETTLE_DELAY
                self._schedule.set_due(each, due_at)
                if not room.needs_check and due_at <= now and self._cursors.get(each):
                    to_pause.append(each)
                room.needs_check = True
                room.requests += 1
        self._pause(to_pause)
        self._schedule.wake()

    def recheck_all(self) -> None:
        """Read every room's history from where all had been dispatched: a part of the spool is
        lost."""
        self._rechecked_at = time.monotonic()
        self._cursors.rewind()
        self._pause([room_id for room_id in self._rooms if self._cursors.get(room_id)])
        self.request_check()

    def note_activity(self, room_id: int) -> None:
        """Something was posted in a room: it is read before quiet ones, and more often."""
        room = self._rooms.get(room_id)
        if room:
            room.active_at = time.monotonic()
            if not room.is_refused and room_id != self._reading:
                self._schedule.set_due_by(room_id, room.read_at + timing.AUDIT_PERIOD)

    def subscriptions_changed(self) -> None:
        """Other events or rooms are subscribed."""
        self._subscribed.note_change()
        self._schedule.wake()

    def run(self) -> None:
        """Read one room after the other, for ever, whatever HipChat does."""
        while not self._context.rooms.loaded:  # else rooms that rules name would seem unsubscribed
            eventlet.sleep(0.05)
        while True:
            if self._schedule.is_stale:
                self._note_subscriptions()
            room_id = self._schedule.next()
            if room_id is None:
                self._schedule.wait(timing.AUDIT_PERIOD)
            elif self._rooms[room_id].unsubscribed_at:
                self._forget(room_id)
            else:
                eventlet.sleep(self._attend(room_id))

    def is_polled(self, room_id: int) -> bool:
        """Tell whether the history alone tells of a room."""
        return self._webhooks.are_none_in(room_id)

    def _report(self) -> Dict[str, Any]:
        """Return what /health shows: the rooms that are read, those that need a check, how many
        deliveries were backfilled, how many rooms are polled, and a lively one's period."""
        rooms = {each: room for each, room in self._rooms.items() if not room.unsubscribed_at}
        polled = sum(map(self.is_polled, rooms))
        return {"rooms": len(rooms), "doubtful": sum(room.needs_check for room in rooms.values()),
                "fetched": self._backfill.stored, "asked": polled,
                "every": round(self._round(), 1) if polled else None}

    def _pause(self, rooms: List[int]) -> None:
        paused = self._room_queues.paused()
        for room_id in rooms:
            if room_id not in paused:
                self._room_queues.pause(room_id)

    def _note_subscriptions(self) -> None:
        subscribed = {address.room for address in self._subscribed.addresses()
                      if address.event in HISTORY_EVENTS and (
                          self._catch_up or self.is_polled(address.room))}
        self._named = self._context.subscriptions.named()
        for room_id in sorted(subscribed.union(self._cursors.rooms()) - set(self._rooms)):
            self._rooms[room_id] = _Room()
            self._schedule.add(room_id)
        for room_id, room in self._rooms.items():
            if room_id not in subscribed:
                self._note_unsubscribed(room_id, room)
            elif room.unsubscribed_at:
                room.unsubscribed_at = 0.0
                self._schedule.set_due(room_id, 0.0)
        self._report_polled(sum(map(self.is_polled, subscribed)))
        self._report_pace(self._round() * max(self._all_rounds(), default=0))
        for room_id in self._room_queues.paused() - subscribed:
            self._room_queues.resume(room_id)

    def _report_polled(self, count: int) -> None:
        if count != self._polled:
            self._polled = count
            self._context.log.info(
                "%d rooms are heard by their history alone, each asked every %.0f s, or half as "
                "often while nobody speaks there.", count, self._pace() * count)

    def _report_pace(self, seconds: float) -> None:
        """Set a problem while the room that is polled most rarely is polled too rarely."""
        dedup_kept = self._context.dedup_kept
        if seconds <= dedup_kept:
            self._health.clear_problem("history", about="pace")
            return
        self._health.set_problem(
            "history", "rooms are asked too rarely", f"HipChat's limit lets a room be asked every "
            f"{seconds:.0f} s, and what is older than {dedup_kept:.0f} s then is not dispatched. "
            "Raise calls_share or catch_up, or let HipChat reach the sensor: webhook.public_url.",
            about="pace")

    def _note_unsubscribed(self, room_id: int, room: _Room) -> None:
        """Forget a room after timing.CURSOR_KEPT: rules are deleted and made again."""
        if not room.unsubscribed_at or self._context.subscriptions.lack_names():
            room.unsubscribed_at = time.monotonic()
            self._schedule.set_due(room_id, room.unsubscribed_at + timing.CURSOR_KEPT)

    def _forget(self, room_id: int) -> None:
        self._cursors.forget(room_id)
        self._schedule.remove(room_id)
        del self._rooms[room_id]
        self._health.clear_problem("history", about=str(room_id))

    def _priority(self, room_id: int) -> Tuple[Any, ...]:
        """What is read first: rooms that need a check; then those for which a delivery waits."""
        room, cursor = self._rooms[room_id], self._cursors.get(room_id)
        order = (not room.needs_check, not self._room_queues.is_awaited(room_id))
        if not room.needs_check:
            return order
        return order + (room_id not in self._named, -room.active_at,
                        -(cursor.sent_at if cursor else 0.0))

    def _attend(self, room_id: int) -> float:
        """Read a room's history; return the seconds to pause before the next call."""
        room, stored = self._rooms[room_id], self._backfill.stored
        requests, began = room.requests, time.monotonic()
        try:
            self._reading = room_id
            self._read(room_id, room)
        except (NotFound, Forbidden) as error:
            self._note_refusal(room_id, room, error)
            return self._pace() if self.is_polled(room_id) else 0.0
        except NotInstalled:  # the add-on itself reports it
            self._retry(room_id, timing.HIPCHAT_RETRY_MAX)
            return 0.0
        except RateLimited as error:
            return self._note_trouble(room_id, error,
                                      max(error.reset_in, timing.HIPCHAT_RETRY_MIN))
        except SpoolError as error:
            self._room_queues.resume(room_id)  # or a full spool would never have space
            if self._backfill.stored > stored:
                self._backoff.succeeded()
            return self._note_trouble(room_id, error, self._backoff.failed())
        except HipChatError as error:
            pause = self._note_trouble(room_id, error, self._backoff.failed())
            self._give_way(room_id, room, pause)
            return pause
        finally:
            self._reading = None
        self._note_success(room_id, room, is_requested=room.requests > requests)
        room.read_at = began
        return self._pace() if self.is_polled(room_id) else 0.0

    def _note_success(self, room_id: int, room: _Room, is_requested: bool) -> None:
        self._backoff.succeeded()
        self._health.clear_problem("history")
        self._health.clear_problem("history", about=str(room_id))
        self._successes += 1
        room.is_refused, room.successes, room.needs_check = False, None, is_requested
        self._schedule.succeeded(room_id, self._period(room_id, room))
        if is_requested:  # after the history was asked for, perhaps
            self._retry(room_id, timing.WEBHOOK_SETTLE_DELAY)
        else:
            self._room_queues.resume(room_id)

    def _period(self, room_id: int, room: _Room) -> float:
        """Return the seconds until the next reading."""
        if self.is_polled(room_id):
            return self._round() * room.rounds
        if time.monotonic() - room.active_at < timing.AUDIT_PERIOD:
            return timing.AUDIT_PERIOD
        return timing.AUDIT_QUIET_PERIOD

    def _pace(self) -> float:
        return max(self._budget.pace(), timing.POLL_PERIOD_MIN)

    def _round(self) -> float:
        """Return the seconds in which each lively room is polled once, each quiet one in two."""
        return self._pace() * sum(1 / rounds for rounds in self._all_rounds())

    def _all_rounds(self) -> List[int]:
        return [room.rounds for room_id, room in self._rooms.items()
                if not room.unsubscribed_at and self.is_polled(room_id)]

    def _read(self, room_id: int, room: _Room) -> None:
        reach = self._reach(room_id, room)
        found = self._backfill.read(room_id, reach, lambda: self._is_unheard(room_id, room))
        if found.is_first:
            room.first_read_at = time.monotonic()
        if found.stored:
            room.active_at = time.monotonic()
        if found.too_old:
            self._health.count("", "too old", found.too_old)
        if found.too_old or found.stored and not self.is_polled(room_id):
            self._context.log.info(
                "Room %d: %d messages that nobody had heard are dispatched now; %d are older than "
                "%.0f s and are not.", room_id, found.stored, found.too_old, reach)

    def _reach(self, room_id: int, room: _Room) -> float:
        """Return how many seconds old a message may be that is dispatched."""
        dedup_kept = self._context.dedup_kept
        if self._rechecked_at and room.read_at <= self._rechecked_at:
            return dedup_kept
        if not self.is_polled(room_id):
            return self._catch_up
        return min(max(self._catch_up, timing.POLL_REACH_MIN, 2 * self._period(room_id, room)),
                   dedup_kept)

    def _is_unheard(self, room_id: int, room: _Room) -> bool:
        """Tell whether what is old in a room was missed, and not received when it was posted."""
        if room.needs_check or self.is_polled(room_id):
            return True
        is_heard = room.active_at and room.active_at >= room.read_at
        return not is_heard and not self._spool.is_waiting(room_id)

    def _note_refusal(self, room_id: int, room: _Room, error: HipChatError) -> None:
        """HipChat does not give a room's history: no delivery waits for it."""
        self._backoff.succeeded()
        if isinstance(error, Forbidden) or self.is_polled(room_id):  # else webhooks tell of it
            self._health.set_problem(
                "history", "what is missed in a room cannot be fetched", f"Room {room_id}: {error} "
                "What is posted there while the sensor is down is lost.", about=str(room_id))
        room.needs_check, room.is_refused = False, True
        self._schedule.failed(room_id)
        if self.is_polled(room_id):  # what is posted now is to be found when that works again
            self._schedule.set_due_by(
                room_id, time.monotonic() + self._reach(room_id, room) / 2)
        self._room_queues.resume(room_id)

    def _note_trouble(self, room_id: int, error: Exception, pause: float) -> float:
        """HipChat or the disk is in trouble: pause, and go on with the same room."""
        self._retry(room_id, pause)
        self._health.set_problem("history", "cannot be read now",
                                 f"{error} It is tried again until it works.")
        return pause

    def _give_way(self, room_id: int, room: _Room, pause: float) -> None:
        """Let others have a turn before a room that failed, and ever more if they can be read."""
        is_alone = room.successes is not None and self._successes > room.successes
        room.successes = self._successes
        if is_alone:
            self._schedule.set_due(room_id, float("inf"))
            self._schedule.failed(room_id, at_least=2 * pause)
        else:
            self._retry(room_id, 2 * pause)

    def _retry(self, room_id: int, seconds: float) -> None:
        self._schedule.set_due(room_id, time.monotonic() + seconds)
