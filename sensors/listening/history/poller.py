"""Reads rooms' histories: decides which room is next, when, and how far back."""
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
    """Holds the poller's state of a room. Times are time.monotonic(), 0.0 for never.

    Attributes:
        needs_check: True if messages may have been missed, so the history must be read.
        is_requested: True if a check was requested since the last reading started.
        active_at: when the last message was posted.
        read_at: when the last successful reading started.
        settled_at: when no webhook delivery of a message from before the room's first cursor can be
            under way any more.
        unsubscribed_at: when the room's last subscription ended.
        is_refused: True if HipChat refused the last reading (403, 404).
        successes: the poller's count of successful readings when this room's last reading failed;
            None after a successful one.
    """

    def __init__(self) -> None:
        self.needs_check = True
        self.is_requested = self.is_refused = False
        self.active_at = self.read_at = self.unsubscribed_at = self.settled_at = 0.0
        self.successes: Optional[int] = None

    @property
    def rounds(self) -> int:
        """The poller's rounds from one poll of this room to the next: 1 after a recent message."""
        is_lively = self.active_at and (
            time.monotonic() - self.active_at < timing.ROOM_LIVELY_KEPT)
        return 1 if is_lively else 2


class HistoryPoller:
    """Reads one room's history after the other, so that messages without a delivery are found.

    - A room in which messages may have been missed is read after request_check(room_id). Until
      then its new deliveries wait, so that the backfilled ones are dispatched first.
    - A room with webhooks is also read every AUDIT_PERIOD; if catch_up is 0, it is never read.
    - A room that cannot have webhooks is polled, at the pace that the sensor's share of the rate
      limit allows. A lively room is polled in each round, a quiet one in every second round.

    Messages older than catch_up (a config value in seconds) are counted and logged, but not
    dispatched. In a polled room the age limit is at least the time of two polls, but at most
    dedup_kept, the time for which duplicates are recognized.
    """

    def __init__(self, context: Context, budget: CallBudget, cursors: Cursors, spool: Spool,
                 room_queues: RoomQueues, webhooks: WebhookReconciler):
        self._context, self._budget = context, budget
        self._cursors, self._spool, self._room_queues = cursors, spool, room_queues
        self._catch_up, self._health = context.settings.catch_up, context.health
        self._is_polled = webhooks.is_history_only
        self._subscribed = Subscribed(context.subscriptions, cursors, context.client.now)
        self._backfill = Backfill(
            context=context, cursors=cursors, spool=spool, room_queues=room_queues,
            subscribed=self._subscribed, webhooks=webhooks)
        self._schedule = RoomSchedule(timing.HISTORY_ROOM_RETRY_MAX, self._priority)
        self._rooms: Dict[int, _Room] = {}
        self._in_rules: Set[int] = set()  # IDs of the rooms in rules
        self._reading: Optional[int] = None  # the ID of the room that is being read
        self._polled = 0  # the number of polled rooms
        self._successes = 0  # the number of successful readings
        self._rechecked_at = 0.0  # the last recheck_all(); time.monotonic()
        self._backoff = Backoff(timing.HIPCHAT_RETRY_MAX)
        context.health.add_metrics(history=self._report)

    def begin(self) -> None:
        """Load the cursors, and pause their rooms; to be called before the first dispatch.

        Raises:
            ServiceUnavailable: StackStorm's datastore, which has the cursors, does not answer.
        """
        self._cursors.load(lambda detail: self._health.record_incident(
            "history", "cursors were lost", detail))
        if self._catch_up:
            self._pause(self._cursors.rooms())

    def request_check(self, room_id: Optional[int] = None) -> None:
        """Read a room's history soon (None: all rooms'), because messages may have been missed."""
        now, to_pause = time.monotonic(), []
        for each, room in self._rooms.items():
            if room_id in (None, each):
                self._schedule.set_due(each, room.settled_at)
                if not room.needs_check and room.settled_at <= now and self._cursors.get(each):
                    to_pause.append(each)
                room.needs_check = room.is_requested = True
        self._pause(to_pause)
        self._schedule.wake()

    def recheck_all(self) -> None:
        """Read every room's history from its stored cursor, because stored deliveries were lost."""
        self._rechecked_at = time.monotonic()
        self._cursors.rewind()
        self._pause([room_id for room_id in self._rooms if self._cursors.get(room_id)])
        self.request_check()

    def note_activity(self, room_id: int) -> None:
        """Read a room's history sooner and more often, because a message was posted in the room."""
        room = self._rooms.get(room_id)
        if room:
            room.active_at = time.monotonic()
            if not room.is_refused and room_id != self._reading:
                self._schedule.set_due_by(room_id, room.read_at + timing.AUDIT_PERIOD)

    def subscriptions_changed(self) -> None:
        """Apply changed subscriptions before the next reading."""
        self._subscribed.note_change()
        self._schedule.wake()

    def run(self) -> None:
        """Read one room after the other, for ever."""
        while not self._context.rooms.is_loaded:  # subscriptions with room names need the list
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
                eventlet.sleep(self._serve(room_id))

    def _report(self) -> Dict[str, Any]:
        """Return the section "history" for /health.

        Returns:
            The numbers of rooms, of rooms that need a check ("doubtful"), of backfilled deliveries
            ("fetched") and of polled rooms ("asked"), and the period of a lively polled room
            ("every") in seconds, None if no room is polled.
        """
        rooms = [room for room in self._rooms.values() if not room.unsubscribed_at]
        polled = len(self._polled_rounds())
        return {"rooms": len(rooms), "doubtful": sum(room.needs_check for room in rooms),
                "fetched": self._backfill.stored, "asked": polled,
                "every": round(self._round(), 1) if polled else None}

    def _pause(self, rooms: List[int]) -> None:
        paused = self._room_queues.paused()
        for room_id in rooms:
            if room_id not in paused:
                self._room_queues.pause(room_id)

    def _note_subscriptions(self) -> None:
        """Schedule newly subscribed rooms, and note rooms that are not subscribed any more."""
        subscribed = {address.room_id for address in self._subscribed.addresses()
                      if address.event in HISTORY_EVENTS and (
                          self._catch_up or self._is_polled(address.room_id))}
        self._in_rules = self._context.subscriptions.rooms_in_rules()
        for room_id in sorted(subscribed.union(self._cursors.rooms()) - set(self._rooms)):
            self._rooms[room_id] = _Room()
            self._schedule.add(room_id)
        for room_id, room in self._rooms.items():
            if room_id in subscribed:
                if room.unsubscribed_at:
                    room.unsubscribed_at = 0.0
                    self._schedule.set_due(room_id, 0.0)
            elif not room.unsubscribed_at or self._context.subscriptions.lack_room_list():
                room.unsubscribed_at = time.monotonic()
                self._set_due_in(room_id, timing.CURSOR_KEPT)  # run() then forgets the room
        self._report_polling()
        for room_id in self._room_queues.paused() - subscribed:
            self._room_queues.resume(room_id)

    def _report_polling(self) -> None:
        """Log the number of polled rooms; set a problem if messages get too old between polls."""
        rounds = self._polled_rounds()
        if len(rounds) != self._polled:
            self._polled = len(rounds)
            self._context.log.info(
                "Rooms without webhooks: %d. Each is polled every %.0f s, and half as often while "
                "it is quiet.", self._polled, self._pace() * self._polled)
        seconds, dedup_kept = self._round() * max(rounds, default=0), self._context.dedup_kept
        if seconds <= dedup_kept:
            self._health.clear_problem("history", about="pace")
            return
        self._health.set_problem(
            "history", "rooms are polled too rarely", "HipChat's rate limit lets a room be polled "
            f"every {seconds:.0f} s only, and messages older than {dedup_kept:.0f} s are not "
            "dispatched. Raise calls_share or catch_up, or let HipChat reach the sensor: "
            "webhook.public_url.", about="pace")

    def _forget(self, room_id: int) -> None:
        self._cursors.forget(room_id)
        self._schedule.remove(room_id)
        del self._rooms[room_id]
        self._health.clear_problem("history", about=str(room_id))

    def _priority(self, room_id: int) -> Tuple[Any, ...]:
        """Return a room's sort key: the room with the lowest key is read first.

        Rooms that need a check go first: among them those whose deliveries wait for the end of a
        pause, then those that rules name, then recently active ones.
        """
        room, cursor = self._rooms[room_id], self._cursors.get(room_id)
        order = (not room.needs_check, not self._room_queues.is_awaited(room_id))
        if not room.needs_check:
            return order
        return order + (room_id not in self._in_rules, -room.active_at,
                        -(cursor.sent_at if cursor else 0.0))

    def _serve(self, room_id: int) -> float:
        """Read a room's history, and return the seconds to wait before the next room is read."""
        room, stored, began = self._rooms[room_id], self._backfill.stored, time.monotonic()
        self._reading, room.is_requested = room_id, False
        try:
            self._read(room_id, room)
            self._note_success(room_id, room)
            room.read_at = began
        except (NotFound, Forbidden) as error:
            self._note_refusal(room_id, room, error)
        except NotInstalled:  # Installation sets the problem
            self._set_due_in(room_id, timing.HIPCHAT_RETRY_MAX)
            return 0.0
        except (HipChatError, SpoolError) as error:
            if self._backfill.stored > stored:
                self._backoff.succeeded()
            return self._note_failure(room_id, room, error)
        finally:
            self._reading = None
        return self._pace() if self._is_polled(room_id) else 0.0

    def _note_success(self, room_id: int, room: _Room) -> None:
        """Schedule a room's next reading, and end the room's pause."""
        self._backoff.succeeded()
        self._health.clear_problem("history")
        self._health.clear_problem("history", about=str(room_id))
        self._successes += 1
        room.is_refused, room.successes, room.needs_check = False, None, room.is_requested
        self._schedule.succeeded(room_id, self._period(room_id, room))
        if room.is_requested:  # during the reading: the history may not contain the message yet
            self._set_due_in(room_id, timing.WEBHOOK_SETTLE_DELAY)
        else:
            self._room_queues.resume(room_id)

    def _period(self, room_id: int, room: _Room) -> float:
        """Return the seconds until the room's next reading."""
        if self._is_polled(room_id):
            return self._round() * room.rounds
        if time.monotonic() - room.active_at < timing.AUDIT_PERIOD:
            return timing.AUDIT_PERIOD
        return timing.AUDIT_QUIET_PERIOD

    def _pace(self) -> float:
        """Return the seconds between two polls."""
        return max(self._budget.pace(), timing.POLL_PERIOD_MIN)

    def _round(self) -> float:
        """Return the seconds of a round: polls of all lively rooms and half of the quiet ones."""
        return self._pace() * sum(1 / rounds for rounds in self._polled_rounds())

    def _polled_rounds(self) -> List[int]:
        """Return _Room.rounds of each polled room."""
        return [room.rounds for room_id, room in self._rooms.items()
                if not room.unsubscribed_at and self._is_polled(room_id)]

    def _read(self, room_id: int, room: _Room) -> None:
        """Read a room's history, and log and count the missed messages."""
        reach, stored_before = self._reach(room_id, room), self._backfill.stored
        is_new = self._cursors.get(room_id) is None
        too_old = self._backfill.read(room_id, reach, lambda: self._has_missed(room_id, room))
        stored = self._backfill.stored - stored_before
        if is_new:
            room.settled_at = time.monotonic() + timing.WEBHOOK_SETTLE_DELAY
        if stored:
            room.active_at = time.monotonic()
        self._health.count("", "too old", too_old)
        if too_old or stored and not self._is_polled(room_id):
            self._context.log.info(
                "Room %d: its history has %d messages that this sensor did not receive; %d are "
                "older than %.0f s and are not dispatched.", room_id, stored, too_old, reach)

    def _reach(self, room_id: int, room: _Room) -> float:
        """Return the age of the oldest message to dispatch, in seconds."""
        dedup_kept = self._context.dedup_kept
        if self._rechecked_at and room.read_at <= self._rechecked_at:
            return dedup_kept
        if not self._is_polled(room_id):
            return self._catch_up
        return min(max(self._catch_up, timing.POLL_REACH_MIN, 2 * self._period(room_id, room)),
                   dedup_kept)

    def _has_missed(self, room_id: int, room: _Room) -> bool:
        """Return whether messages that are too old to dispatch may have been missed.

        Messages that webhooks have delivered since the last reading show that none was missed.
        """
        if room.needs_check or self._is_polled(room_id):
            return True
        is_received = room.active_at and room.active_at >= room.read_at
        return not is_received and not self._spool.is_waiting(room_id)

    def _note_refusal(self, room_id: int, room: _Room, error: HipChatError) -> None:
        """Report that HipChat refuses a room's history, and end the room's pause."""
        self._backoff.succeeded()
        if isinstance(error, Forbidden) or self._is_polled(room_id):  # else the reconciler reports
            self._health.set_problem(
                "history", "a room's history cannot be read", f"Room {room_id}: {error} Messages "
                "that are posted there while the sensor is down are lost.", about=str(room_id))
        room.needs_check, room.is_refused = False, True
        self._schedule.failed(room_id)
        if self._is_polled(room_id):  # retry soon enough for the messages that are posted now
            self._schedule.set_due_by(
                room_id, time.monotonic() + self._reach(room_id, room) / 2)
        self._room_queues.resume(room_id)

    def _note_failure(self, room_id: int, room: _Room, error: Exception) -> float:
        """Retry a room later; return the seconds to wait before the next room is read."""
        self._health.set_problem("history", "cannot be read now",
                                 f"{error} The sensor tries again until it works.")
        if isinstance(error, RateLimited):
            delay = max(error.reset_in, timing.HIPCHAT_RETRY_MIN)
            self._set_due_in(room_id, delay)
            return delay
        delay = self._backoff.failed()
        if isinstance(error, SpoolError):
            self._room_queues.resume(room_id)  # dispatching empties a full spool
            self._set_due_in(room_id, delay)
        elif room.successes in (None, self._successes):
            self._set_due_in(room_id, 2 * delay)  # other rooms go first
        else:  # only this room fails, so it gets its own backoff
            self._schedule.failed(room_id, at_least=2 * delay)
        room.successes = self._successes
        return delay

    def _set_due_in(self, room_id: int, seconds: float) -> None:
        self._schedule.set_due(room_id, time.monotonic() + seconds)
