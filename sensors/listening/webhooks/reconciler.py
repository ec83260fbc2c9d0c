"""HipChat's webhooks, kept at just those that the subscriptions need."""
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
        self.trouble = ""


class WebhookReconciler:
    """One webhook for each event and room that the subscriptions want, in HipChat as it really is.

    run() looks at one room after the other: rooms where something changed first, then those that
    were looked at longest ago; and at HipChat's list of rooms. Each look costs one call, and one
    more for each change. owner is the client to whom the webhooks belong. None is wanted while the
    add-on hears all rooms, or where HipChat cannot reach the sensor, and nothing is done while
    there is nothing but an add-on that is not installed. request_check is called with the ID of a
    room in which a webhook was missing.
    """

    def __init__(self, context: Context, owner: Client, addon: Installation, ownership: Ownership,
                 request_check: Callable[[int], None]):
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
        """HipChat posted what nobody wants: a webhook is left over in a room we know nothing of."""
        if address.room not in self._rooms:
            self._room(address.room)
            self.wake()

    def webhook_delivered(self, address: Address, webhook_id: int) -> None:
        """A webhook in a room has delivered, which may be none that is needed.

        With our signature it is ours, also where it was made for another public_url. It is looked
        for at most once in WEBHOOK_LOOK_THROTTLE: the ID stands in the body.
        """
        if self._addon.hears:
            self.note_leftover(address)
        elif webhook_id not in (0, self.id_of(address)) and address.room in self._rooms:
            self._rooms[address.room].webhooks.delivering.add(str(webhook_id))
            self._schedule.set_due_by(
                address.room, time.monotonic() + timing.WEBHOOK_LOOK_THROTTLE)

    def note_room_name(self, address: Address, name: str) -> None:
        """A delivery calls its room so: it may have another name than it had."""
        if self._names.note_room_name(address, name):
            if address.room in self._rooms:
                self._schedule.set_due(address.room, 0.0)
            self.wake()

    def count(self) -> Dict[str, int]:
        """How many webhooks are wanted, and how many of these HipChat has."""
        unknown = self._names.unknown() if self._are_wanted() else {}
        return {"wanted": len(self._wanted()) + sum(map(len, unknown.values())),
                "present": 0 if self._is_down() else sum(
                    room.webhooks.present() for number, room in self._rooms.items()
                    if number not in self._failing and not self._is_unheard(number))}

    def elsewhere(self) -> int:
        """How many webhooks have our signature for another public_url; they are left alone."""
        return sum(room.webhooks.elsewhere for room in self._rooms.values())

    def id_of(self, address: Address) -> int:
        """The id of the webhook for an event in a room, 0 if there is none."""
        room = self._rooms.get(address.room)
        return room.webhooks.id_of(address.event) if room else 0

    def are_none_in(self, number: int) -> bool:
        """Whether a room can have no webhooks, so that only its history tells what is said there.
        """
        if not self._reached:
            return True
        return number in self._rooms and self._rooms[number].refused and self._are_wanted()

    def unheard(self) -> int:
        """In how many rooms something is wanted, and nothing can be heard."""
        return len(self.troubles())

    def troubles(self) -> Dict[Union[int, str], str]:
        """Why which rooms cannot be listened to: by their ids, or by a name that none bears."""
        found: Dict[Union[int, str], str] = {
            number: room.trouble or ARCHIVED for number, room in self._rooms.items()
            if self._is_unheard(number)}
        if self._directory.loaded:
            found.update(dict.fromkeys(self._names.unknown(), UNKNOWN))
        return found

    def title(self, room: Union[int, str]) -> str:
        """How people call a room."""
        name = self._directory.name_of(room) if isinstance(room, int) else None
        return f"{name} ({room})" if name else str(room)

    def run(self) -> None:
        """Keep the webhooks right, for ever, whatever HipChat does."""
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
        return self._subscriptions.wanted() if self._are_wanted() else frozenset()

    def _are_wanted(self) -> bool:
        return self._reached and not self._addon.hears_alone

    def _room(self, number: int) -> _Room:
        if number not in self._rooms:
            self._schedule.add(number)
            self._rooms[number] = _Room(RoomWebhooks(
                room_id=number, client=self._owner, ownership=self._ownership,
                authentication=self._authentication, log=self._log))
        return self._rooms[number]

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
        for number in set(wanted) | set(self._rooms):
            room = self._room(number)
            if room.webhooks.wanted != wanted[number]:
                room.webhooks.wanted, room.changed = wanted[number], True
                self._schedule.request(number)
            elif not wanted[number] and 0 < self._schedule.due_at(number) and (
                    self._schedule.is_due(number)) and (room.webhooks.is_empty() or room.trouble):
                self._forget(number)

    def _forget(self, number: int) -> None:
        del self._rooms[number]
        self._schedule.remove(number)
        self._failing.discard(number)
        self._health.clear_problem("webhooks", _vanishing_in(number))

    def _is_unheard(self, number: int) -> bool:
        room = self._rooms[number]
        return bool(room.webhooks.wanted) and (
            bool(room.trouble) or self._directory.is_archived(number))

    def _is_down(self) -> bool:
        """Whether HipChat, rather than a room, is in trouble: nothing that was seen need hold."""
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

    def _look_at(self, number: int) -> None:
        room = self._rooms[number]
        room.changed = False
        try:
            room.webhooks.reconcile()
        except (NotFound, Forbidden, InvalidRequest) as error:
            room.webhooks.start_over()
            room.refused = isinstance(error, Forbidden)
            self._schedule.failed(number)
            self._note_trouble(number, str(error) + (HISTORY if room.refused else ""))
            self._request_check(number)
        except Exception as error:
            if not isinstance(error, ApiError):
                room.webhooks.start_over()
            raise
        else:
            self._schedule.succeeded(number, timing.WEBHOOK_CHECK_PERIOD)
            room.refused = False
            if room.webhooks.lacked:
                room.webhooks.lacked = False
                self._request_check(number)
            self._note_trouble(number, ARCHIVED if self._directory.is_archived(number) else "")
            self._note_vanishing(number, room.webhooks.vanishing)

    def _note_trouble(self, number: int, words: str) -> None:
        """Why a room cannot be listened to: told once, and no other room waits for it."""
        room = self._rooms[number]
        if words and words != room.trouble:
            self._log.info("Room %s cannot be listened to: %s It is tried again, ever more rarely, "
                           "until it works or no trigger wants it.", self.title(number), words)
        if room.trouble and not words:
            self._log.info("Room %s: can be listened to now.", self.title(number))
        room.trouble = words

    def _note_vanishing(self, number: int, events: Set[str]) -> None:
        if not events:
            self._health.clear_problem("webhooks", _vanishing_in(number))
            return
        self._health.set_problem(
            "webhooks", "webhooks vanish", "Room {}: {}. Each was made {} times in an hour, and "
            "HipChat does not list it: it is made again after the hour. See who deletes it, or "
            "whether HipChat lists webhooks at all: hipchat.list_webhooks.".format(
                self.title(number), ", ".join(sorted(events)), MADE_MAX), _vanishing_in(number))

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
        self._health.set_problem("HipChat", summary, "{} It is tried again until it works.".format(
            error if isinstance(error, HipChatError) else repr(error)))
        return pause


def _vanishing_in(number: int) -> str:
    """About which of the webhooks' troubles it is."""
    return f"vanishing in {number}"
