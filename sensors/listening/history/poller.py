"""When which room's history is looked at for what nobody has heard."""
import itertools
import time
from typing import Any, Dict, List, Optional, Set, Tuple

import eventlet
from eventlet.event import Event as Signal

from hipchat.errors import (
    Forbidden, HipChatError, NotFound, NotInstalled, RateLimited)
from hipchat.api.rate_limit import CallBudget
from hipchat.api.room_history import HISTORY_EVENTS
from listening import timing
from listening.backoff import Backoff
from listening.context import Context
from listening.dispatch.room_queues import RoomQueues
from listening.history.backfill import Backfill
from listening.history.cursors import Cursors
from listening.history.wanted import Wanted
from listening.spool import Spool, SpoolError
from listening.webhooks.reconciler import WebhookReconciler

__all__ = ["HistoryPoller"]


class _Room:
    """When to look at a room next, and why. Times are of time.monotonic(), 0.0 for never.

    doubts: how often it came into doubt; refused: its history could not be read when it was tried
    last; failed: how many looks at whatever room had succeeded when the last one here failed, None
    if it did not.
    """

    def __init__(self) -> None:
        self.due = 0.0
        self.doubtful = True
        self.doubts = 0
        self.spoken = 0.0  # when somebody was heard there last
        self.looked = 0.0  # when the last look began
        # When it got its first mark; what was said before may be on its way.
        self.marked = -timing.WEBHOOK_SETTLE_DELAY
        self.unwanted = 0.0  # since when nobody wants to hear it
        self.refused = False
        self.failed: Optional[int] = None
        self.backoff = Backoff(timing.HISTORY_ROOM_RETRY_MAX)


class HistoryPoller:
    """Looks at the history of each room that is listened to, when something may have been missed.

    While a room is in doubt, what arrives waits for what is fetched. Now and then each is looked at
    without a doubt.

    Rooms without webhooks are heard by this alone: they are asked in turn, at the pace that the
    budget of calls allows.

    webhooks: of the rooms that have them. A message may be as old as catch_up says, and with 0
    only rooms without webhooks are looked at; older messages are counted and logged. Where a room
    is heard by its history alone, a message may be as old as two pauses between looks, but not
    older than it is known what was heard (dedup_kept).
    """

    def __init__(self, context: Context, budget: CallBudget, cursors: Cursors, spool: Spool,
                 room_queues: RoomQueues, webhooks: WebhookReconciler):
        self._budget, self._cursors, self._webhooks = budget, cursors, webhooks
        self._spool, self._room_queues = spool, room_queues
        self._subscriptions, self._directory = context.subscriptions, context.rooms
        self._seconds, self._remembered = context.settings.catch_up, context.dedup_kept
        self._health, self._log = context.health, context.log
        self._wanted = Wanted(context.subscriptions, context.client.now, timing.CURSOR_KEPT)
        self._backfill = Backfill(context=context, cursors=cursors, spool=spool,
                                  room_queues=room_queues, wanted=self._wanted, webhooks=webhooks)
        self._rechecked = 0.0  # when a part of the spool was lost; time.monotonic()
        self._rooms: Dict[int, _Room] = {}
        self._named: Set[int] = set()  # rooms that a rule names
        self._asked = 0
        self._succeeded = 0  # looks
        self._backoff = Backoff(timing.HIPCHAT_RETRY_MAX)
        self._changed = Signal()
        context.health.add_metrics(history=self._report)

    def begin(self) -> None:
        """Let new deliveries wait in the rooms that are known; before any comes."""
        self._cursors.load(lambda words: self._health.record_incident(
            "history", "where it was read up to is not known any more", words))
        if self._seconds:
            self._pause(self._cursors.rooms())

    def request_check(self, room: Optional[int] = None) -> None:
        """Something may have been missed in a room, or in every room: look there soon."""
        now, to_pause = time.monotonic(), []
        for number, known in self._rooms.items():
            if room in (None, number):
                known.due = known.marked + timing.WEBHOOK_SETTLE_DELAY
                if not known.doubtful and known.due <= now and self._cursors.get(number):
                    to_pause.append(number)
                known.doubtful = True
                known.doubts += 1
        self._pause(to_pause)
        self._wake()

    def recheck_all(self) -> None:
        """Read every room's history from where all had been dispatched: a part of the spool is
        lost."""
        self._rechecked = time.monotonic()
        self._cursors.rewind()
        self._pause([number for number in self._rooms if self._cursors.get(number)])
        self.request_check()

    def note_activity(self, room: int) -> None:
        """Somebody was heard in a room: it is looked at before quiet ones, and more often."""
        known = self._rooms.get(room)
        if known:
            known.spoken = time.monotonic()
            if not known.refused:
                known.due = min(known.due, known.looked + timing.AUDIT_PERIOD)

    def subscriptions_changed(self) -> None:
        """What is wanted has changed."""
        self._wanted.changed()
        self._wake()

    def run(self) -> None:
        """Look at one room after the other, for ever, whatever HipChat does."""
        while not self._directory.loaded:  # else rooms that rules name would seem unwanted
            eventlet.sleep(0.05)
        while True:
            self._changed = Signal()
            self._note_wanted()
            rooms = sorted(self._rooms, key=self._urgency)
            ends = time.monotonic() + timing.ROOM_ORDER_KEPT
            for number in itertools.takewhile(self._is_due, rooms):
                eventlet.sleep(self._attend(number))
                if self._changed.ready() or time.monotonic() >= ends:
                    break
            else:
                due = min((room.due for room in self._rooms.values()), default=float("inf"))
                with eventlet.Timeout(min(due - time.monotonic(), timing.AUDIT_PERIOD), False):
                    self._changed.wait()

    def is_asked(self, number: int) -> bool:
        """Whether a room is heard by its history alone."""
        return self._webhooks.are_none_in(number)

    def _report(self) -> Dict[str, Any]:
        """For /health: rooms that are looked at, those that are to be looked at soon since
        something may have been missed there, and how many deliveries were fetched; how many rooms
        are heard by their history alone, and every how many seconds a lively one is asked."""
        rooms = {number: room for number, room in self._rooms.items() if not room.unwanted}
        asked = sum(map(self.is_asked, rooms))
        return {"rooms": len(rooms), "doubtful": sum(room.doubtful for room in rooms.values()),
                "fetched": self._backfill.stored, "asked": asked,
                "every": round(self._round(), 1) if asked else None}

    def _pause(self, rooms: List[int]) -> None:
        for number in rooms:
            if number not in self._room_queues.paused():
                self._room_queues.pause(number)

    def _wake(self) -> None:
        if not self._changed.ready():
            self._changed.send()

    def _note_wanted(self) -> None:
        wanted = {address.room for address in self._wanted.addresses()
                  if address.event in HISTORY_EVENTS and (
                      self._seconds or self.is_asked(address.room))}
        self._named = self._subscriptions.named()
        of_earlier_run = self._cursors.rooms()
        for number in wanted.union(of_earlier_run) - set(self._rooms):
            self._rooms[number] = _Room()
        for number in list(self._rooms):
            room = self._rooms[number]
            if number not in wanted:
                self._note_unwanted(number, room)
            elif room.unwanted:
                room.unwanted = room.due = 0.0
        self._tell_asked(sum(self.is_asked(number) for number in wanted))
        self._tell_pace(self._round() * max(self._rounds(), default=0))
        for number in self._room_queues.paused() - wanted:
            self._room_queues.resume(number)

    def _tell_asked(self, count: int) -> None:
        if count != self._asked:
            self._asked = count
            self._log.info("%d rooms are heard by their history alone, each asked every %.0f s, or "
                           "half as often while nobody speaks there.", count, self._pace() * count)

    def _tell_pace(self, seconds: float) -> None:
        """Whether what is said in the room that is asked most rarely is heard in time."""
        if seconds <= self._remembered:
            self._health.clear_problem("history", about="pace")
            return
        self._health.set_problem(
            "history", "rooms are asked too rarely", "HipChat's limit lets a room be asked every "
            "{:.0f} s, and what is older than {:.0f} s then is not dispatched. Raise calls_share "
            "or catch_up, or let HipChat reach the sensor: webhook.public_url.".format(
                seconds, self._remembered), about="pace")

    def _note_unwanted(self, number: int, room: _Room) -> None:
        if not room.unwanted or self._subscriptions.lack_names():
            room.unwanted = time.monotonic()
        room.due = room.unwanted + timing.CURSOR_KEPT
        if room.due <= time.monotonic():
            try:
                self._cursors.forget(number)
            except OSError as error:
                room.unwanted = time.monotonic()
                self._health.set_problem("history", "a room cannot be forgotten", str(error),
                                     about=str(number))
                return
            del self._rooms[number]
            self._health.clear_problem("history", about=str(number))

    def _urgency(self, number: int) -> Tuple[Any, ...]:
        """What is due first: in doubt, waited for, named by a rule, where somebody spoke last."""
        room, mark = self._rooms[number], self._cursors.get(number)
        waits = room.due > time.monotonic()
        return (waits, not waits and not room.doubtful, not self._room_queues.is_awaited(number),
                room.due if waits or not room.doubtful else 0.0, number not in self._named,
                -room.spoken, -(mark.sent_at if mark else 0.0))

    def _is_due(self, number: int) -> bool:
        return self._rooms[number].due <= time.monotonic()

    def _attend(self, number: int) -> float:
        """Look at a room; the seconds to pause before the next call, 0 unless HipChat is down."""
        room, kept = self._rooms[number], self._backfill.stored
        doubts, began = room.doubts, time.monotonic()
        try:
            self._look(number, room)
        except (NotFound, Forbidden) as error:
            self._room_trouble(number, room, error)
        except NotInstalled:  # told by the add-on itself
            room.due = time.monotonic() + timing.HIPCHAT_RETRY_MAX
            return 0.0
        except RateLimited as error:
            return self._trouble(room, error, max(error.reset_in, timing.HIPCHAT_RETRY_MIN))
        except SpoolError as error:
            self._room_queues.resume(number)  # or a full spool would never get room
            if self._backfill.stored > kept:
                self._backoff.succeeded()
            return self._trouble(room, error, self._backoff.failed())
        except (HipChatError, OSError) as error:  # OSError: of the marks' file
            pause = self._trouble(room, error, self._backoff.failed())
            self._give_way(room, pause)
            return pause
        else:
            self._backoff.succeeded()
            self._health.clear_problem("history")
            self._health.clear_problem("history", about=str(number))
            room.backoff.succeeded()
            room.refused, room.failed = False, None
            self._succeeded += 1
            doubted = room.doubts > doubts  # after the history was asked for, perhaps
            room.doubtful, room.looked = doubted, began
            room.due = time.monotonic() + (
                timing.WEBHOOK_SETTLE_DELAY if room.doubtful else self._period(number, room))
            if not doubted:
                self._room_queues.resume(number)
        return self._pace() if self.is_asked(number) else 0.0

    def _period(self, number: int, room: _Room) -> float:
        """Seconds until the next look."""
        if self.is_asked(number):
            return self._round() * _rounds_of(room)
        if time.monotonic() - room.spoken < timing.AUDIT_PERIOD:
            return timing.AUDIT_PERIOD
        return timing.AUDIT_QUIET_PERIOD

    def _pace(self) -> float:
        return max(self._budget.pace(), timing.POLL_PERIOD_MIN)

    def _round(self) -> float:
        """Seconds in which each lively room is asked once, and each quiet one in two rounds."""
        return self._pace() * sum(1 / rounds for rounds in self._rounds())

    def _rounds(self) -> List[int]:
        """In how many rounds each room that is heard by its history alone is asked once."""
        return [_rounds_of(room) for number, room in self._rooms.items()
                if not room.unwanted and self.is_asked(number)]

    def _look(self, number: int, room: _Room) -> None:
        """Fetch what was missed in a room."""
        reach = self._reach(number, room)
        found = self._backfill.read(number, reach, lambda: self._is_unheard(number, room))
        if found.is_first:
            room.marked = time.monotonic()
        if found.stored:
            room.spoken = time.monotonic()
        self._health.dropped.update({"too old": found.too_old} if found.too_old else {})
        if found.too_old or found.stored and not self.is_asked(number):
            self._log.info("Room %d: %d messages that nobody had heard are dispatched now; %d are "
                           "older than %.0f s and are not.", number, found.stored, found.too_old,
                           reach)

    def _reach(self, number: int, room: _Room) -> float:
        """How many seconds old it may be what is fetched."""
        if self._rechecked and room.looked <= self._rechecked:
            return self._remembered
        if not self.is_asked(number):
            return self._seconds
        return min(max(self._seconds, timing.POLL_REACH_MIN, 2 * self._period(number, room)),
                   self._remembered)

    def _is_unheard(self, number: int, room: _Room) -> bool:
        """Whether what is old in a room was missed, and not heard when it was said."""
        if room.doubtful or self.is_asked(number):
            return True
        heard = room.spoken and room.spoken >= room.looked
        return not heard and not self._spool.is_waiting(number)

    def _room_trouble(self, number: int, room: _Room, error: HipChatError) -> None:
        """The history of a room cannot be read: told once, and no delivery waits for it."""
        self._backoff.succeeded()
        if isinstance(error, Forbidden) or self.is_asked(number):  # else webhooks tell of it
            self._health.set_problem(
                "history", "what is missed in a room cannot be fetched", "Room {}: {} What is said "
                "there while nobody listens is lost.".format(number, error), about=str(number))
        room.doubtful, room.refused = False, True
        room.due = time.monotonic() + room.backoff.failed()
        self._room_queues.resume(number)

    def _trouble(self, room: _Room, error: Exception, pause: float) -> float:
        """HipChat or the disk is in trouble: pause, and go on with the same room."""
        room.due = time.monotonic() + pause
        self._health.set_problem("history", "cannot be read now", "{} It is tried again until it "
                             "works.".format(error))
        return pause

    def _give_way(self, room: _Room, pause: float) -> None:
        """Let others have a turn before a room that failed, and ever more if they can be read."""
        alone = room.failed is not None and self._succeeded > room.failed
        room.failed = self._succeeded
        room.due = time.monotonic() + max(2 * pause, room.backoff.failed() if alone else 0.0)


def _rounds_of(room: _Room) -> int:
    return 1 if _is_lively(room) else 2


def _is_lively(room: _Room) -> bool:
    return bool(room.spoken) and time.monotonic() - room.spoken < timing.ROOM_LIVELY_KEPT
