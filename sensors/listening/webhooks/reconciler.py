"""Keeps HipChat's webhooks equal to those that the subscriptions need."""
import time
from collections import defaultdict
from typing import Callable, Dict, FrozenSet, Set, Union

import eventlet

from hipchat.api.client import Client
from hipchat.errors import (
    ApiError, Forbidden, HipChatError, InvalidRequest, NotFound, RateLimited)
from hipchat.webhook.ownership import Ownership
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.addon.installation import Installation
from listening.backoff import Backoff
from listening.context import Context
from listening.room_schedule import RoomSchedule
from listening.webhooks.room_list import ROOM_LIST, RoomList
from listening.webhooks.room_webhooks import MADE_MAX, RoomWebhooks

__all__ = ["WebhookReconciler"]

UNKNOWN = ("HipChat shows the token's owner no room of that name (404). Correct the name or id, or "
           "let the owner see the room.")
HISTORY = (" Meanwhile it is asked for its history, which holds messages, notifications and topics "
           "only.")
ARCHIVED = "It is archived. Run hipchat.unarchive_room, or take it out of the rules."


class _Room:
    """A room's webhooks, and why it cannot be listened to ("" if it can).

    changed: other events are subscribed there; refused: the token's owner may have no webhooks.
    """

    def __init__(self, webhooks: RoomWebhooks):
        self.webhooks = webhooks
        self.changed = False
        self.refused = False
        self.problem = ""


class WebhookReconciler:
    """Makes and deletes webhooks until HipChat has exactly one for each subscribed event and room.

    run() looks at HipChat's list of rooms and at one room after the other: rooms where something
    changed first, then those that were looked at longest ago. Each look costs one call, and one
    more for each change.

    No webhooks are needed while the add-on gets the events of all rooms, or where HipChat cannot
    reach the sensor. Nothing is done while there is no token, but an add-on to be installed.
    """

    def __init__(self, context: Context, owner: Client, addon: Installation, ownership: Ownership,
                 request_check: Callable[[int], None]):
        """Args:
            owner: the client of the token to which the webhooks belong.
            request_check: called with the ID of a room in which a webhook was missing.
        """
        self._owner, self._addon, self._ownership = owner, addon, ownership
        self._request_check = request_check
        self._reached = bool(context.settings.public_url)
        self._authentication = "jwt" if context.settings.api.integration else None
        self._subscriptions, self._directory = context.subscriptions, context.rooms
        self._schedule = RoomSchedule(timing.WEBHOOK_ROOM_RETRY_MAX, self._priority)
        self._names = RoomList(context, self._schedule)
        self._health, self._log = context.health, context.log
        self._rooms: Dict[int, _Room] = {}
        self._failing: Set[int] = set()  # rooms, and ROOM_LIST, that HipChat failed on last
        self._failures = 0  # in a row
        self._backoff = Backoff(timing.HIPCHAT_RETRY_MAX)

    def subscriptions_changed(self) -> None:
        """Other events or rooms are subscribed: run() looks at once."""
        self.wake()

    def wake(self) -> None:
        """Let run() look at once whether there is something to do."""
        self._schedule.wake()

    def note_leftover(self, address: Address) -> None:
        """HipChat posted an event that no rule needs: look for a webhook that is left over."""
        if address.room not in self._rooms:
            self._room(address.room)
            self.wake()

    def webhook_delivered(self, address: Address, webhook_id: int) -> None:
        """A webhook in a room has delivered, which may be none that is needed.

        With our signature it is ours, also where it was made for another public_url. It is looked
        for at most once in WEBHOOK_LOOK_THROTTLE: the ID stands in the body.
        """
        if self._addon.is_delivering:
            self.note_leftover(address)
        elif webhook_id not in (0, self.id_of(address)) and address.room in self._rooms:
            self._rooms[address.room].webhooks.note_delivering(webhook_id)
            self._schedule.set_due_by(
                address.room, time.monotonic() + timing.WEBHOOK_LOOK_THROTTLE)

    def note_room_name(self, address: Address, name: str) -> None:
        """A delivery names its room, which may have another name than before."""
        if self._names.note_room_name(address, name):
            if address.room in self._rooms:
                self._schedule.set_due(address.room, 0.0)
            self.wake()

    def count(self) -> Dict[str, int]:
        """How many webhooks are wanted, and how many of these HipChat has."""
        unknown = self._names.unknown() if self._wants_webhooks() else {}
        return {"wanted": len(self._wanted()) + sum(map(len, unknown.values())),
                "present": 0 if self._is_down() else sum(
                    room.webhooks.present() for room_id, room in self._rooms.items()
                    if room_id not in self._failing and not self._is_unheard(room_id))}

    def elsewhere(self) -> int:
        """How many webhooks have our signature for another public_url; they are left alone."""
        return sum(room.webhooks.elsewhere for room in self._rooms.values())

    def id_of(self, address: Address) -> int:
        """The ID of the webhook for an event in a room, 0 if there is none."""
        room = self._rooms.get(address.room)
        return room.webhooks.id_of(address.event) if room else 0

    def are_none_in(self, room_id: int) -> bool:
        """Whether a room can have no webhooks, so that only its history can be read."""
        if not self._reached:
            return True
        return room_id in self._rooms and self._rooms[room_id].refused and self._wants_webhooks()

    def unheard(self) -> int:
        """The number of rooms with subscriptions of which nothing can be received."""
        return len(self.problems())

    def problems(self) -> Dict[Union[int, str], str]:
        """Why rooms cannot be listened to, by their IDs, or by a name that no room has."""
        found: Dict[Union[int, str], str] = {
            room_id: room.problem or ARCHIVED for room_id, room in self._rooms.items()
            if self._is_unheard(room_id)}
        if self._directory.loaded:
            found.update(dict.fromkeys(self._names.unknown(), UNKNOWN))
        return found

    def title(self, room: Union[int, str]) -> str:
        """A room's name and ID, for people."""
        name = self._directory.name_of(room) if isinstance(room, int) else None
        return f"{name} ({room})" if name else str(room)

    def run(self) -> None:
        """Reconcile for ever, whatever HipChat does."""
        while True:
            if self._addon.is_missing:
                self._schedule.wait_for_wake()
                continue
            if self._schedule.is_stale:
                self._note_wanted()
            room_id = self._schedule.next()
            if room_id is None:
                self._schedule.wait(timing.WEBHOOK_CHECK_PERIOD)
            else:
                eventlet.sleep(self._serve(room_id))

    def _wanted(self) -> FrozenSet[Address]:
        return self._subscriptions.wanted() if self._wants_webhooks() else frozenset()

    def _wants_webhooks(self) -> bool:
        return self._reached and not self._addon.replaces_webhooks

    def _room(self, room_id: int) -> _Room:
        if room_id not in self._rooms:
            self._schedule.add(room_id)
            self._rooms[room_id] = _Room(RoomWebhooks(
                room_id=room_id, client=self._owner, ownership=self._ownership,
                authentication=self._authentication, log=self._log))
        return self._rooms[room_id]

    def _priority(self, room_id: int) -> int:
        """The list of rooms first, then rooms where something changed."""
        if room_id == ROOM_LIST:
            return 0
        return 1 if self._rooms[room_id].changed else 2

    def _note_wanted(self) -> None:
        self._names.note_subscriptions()
        wanted = defaultdict(set)
        for address in self._wanted():
            wanted[address.room].add(address.event)
        for room_id in set(wanted) | set(self._rooms):
            room = self._room(room_id)
            if room.webhooks.wanted != wanted[room_id]:
                room.webhooks.wanted, room.changed = wanted[room_id], True
                self._schedule.request(room_id)
            elif not wanted[room_id] and 0 < self._schedule.due_at(room_id) and (
                    self._schedule.is_due(room_id)) and (room.webhooks.is_empty() or room.problem):
                self._forget(room_id)

    def _forget(self, room_id: int) -> None:
        del self._rooms[room_id]
        self._schedule.remove(room_id)
        self._failing.discard(room_id)
        self._health.clear_problem("webhooks", _vanishing_in(room_id))

    def _is_unheard(self, room_id: int) -> bool:
        room = self._rooms[room_id]
        return bool(room.webhooks.wanted) and (
            bool(room.problem) or self._directory.is_archived(room_id))

    def _is_down(self) -> bool:
        """Whether HipChat fails, rather than a room: the webhooks that were listed may be gone."""
        return bool(self._failing) and 2 * len(self._failing) >= len(self._rooms)

    def _serve(self, room_id: int) -> float:
        """Look at a room, or at the list of rooms.

        Returns:
            The seconds to pause before the next call: 0 unless HipChat fails.
        """
        try:
            if room_id == ROOM_LIST:
                self._names.read()
            else:
                self._look_at(room_id)
        except Exception as error:
            self._schedule.failed(room_id)  # behind all others that wait
            return self._hipchat_failed(room_id, error)
        self._hipchat_answered(room_id)
        return 0.0

    def _look_at(self, room_id: int) -> None:
        room = self._rooms[room_id]
        room.changed = False
        try:
            room.webhooks.reconcile()
        except (NotFound, Forbidden, InvalidRequest) as error:
            room.webhooks.start_over()
            room.refused = isinstance(error, Forbidden)
            self._schedule.failed(room_id)
            self._note_problem(room_id, str(error) + (HISTORY if room.refused else ""))
            self._request_check(room_id)
        except Exception as error:
            if not isinstance(error, ApiError):
                room.webhooks.start_over()
            raise
        else:
            self._schedule.succeeded(room_id, timing.WEBHOOK_CHECK_PERIOD)
            room.refused = False
            if room.webhooks.lacked:
                room.webhooks.lacked = False
                self._request_check(room_id)
            self._note_problem(room_id, ARCHIVED if self._directory.is_archived(room_id) else "")
            self._note_vanishing(room_id, room.webhooks.vanishing)

    def _note_problem(self, room_id: int, words: str) -> None:
        """Log once why a room cannot be listened to, and once that it can again."""
        room = self._rooms[room_id]
        if words and words != room.problem:
            self._log.info("Room %s cannot be listened to: %s It is tried again, ever more rarely, "
                           "until it works or no trigger wants it.", self.title(room_id), words)
        if room.problem and not words:
            self._log.info("Room %s: can be listened to now.", self.title(room_id))
        room.problem = words

    def _note_vanishing(self, room_id: int, events: Set[str]) -> None:
        if not events:
            self._health.clear_problem("webhooks", _vanishing_in(room_id))
            return
        self._health.set_problem(
            "webhooks", "webhooks vanish", f"Room {self.title(room_id)}: "
            f"{', '.join(sorted(events))}. Each was made {MADE_MAX} times in an hour, and HipChat "
            "does not list it: it is made again after the hour. See who deletes it, or whether "
            "HipChat lists webhooks at all: hipchat.list_webhooks.", _vanishing_in(room_id))

    def _hipchat_answered(self, room_id: int) -> None:
        """If HipChat had been down, all that waited for it are tried now."""
        self._backoff.succeeded()
        self._failing.discard(room_id)
        if not self._failing:
            self._health.clear_problem("HipChat")
        elif self._failures > len(self._rooms) // 2:
            for failing in self._failing - {ROOM_LIST}:
                self._schedule.set_due(failing, 0.0)
        self._failures = 0

    def _hipchat_failed(self, room_id: int, error: Exception) -> float:
        """HipChat failed, and not only for a room.

        Returns:
            The seconds to pause before the next call.
        """
        if isinstance(error, RateLimited):
            summary = "its rate limit is reached"
            pause = max(error.reset_in, timing.HIPCHAT_RETRY_MIN)
        else:
            summary, pause = "webhooks cannot be managed", self._backoff.failed()
        self._failing.add(room_id)
        self._failures += 1
        words = str(error) if isinstance(error, HipChatError) else repr(error)
        self._health.set_problem("HipChat", summary, f"{words} It is tried again until it works.")
        return pause


def _vanishing_in(room_id: int) -> str:
    """The name of a room's problem, among those of the webhooks."""
    return f"vanishing in {room_id}"
