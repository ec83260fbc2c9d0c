"""Decides when the webhooks of each room are reconciled, and which events need a webhook."""
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Callable, Dict, FrozenSet, Set, Union

import eventlet

from hipchat.api.client import Client
from hipchat.errors import Forbidden, HipChatError, InvalidRequest, NotFound, RateLimited
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening import timing
from listening.addon.installation import Installation
from listening.backoff import Backoff
from listening.context import Context
from listening.room_schedule import RoomSchedule
from listening.webhooks.room_list import ROOM_LIST, RoomList
from listening.webhooks.room_webhooks import MADE_MAX, RoomWebhooks

__all__ = ["WebhookReconciler"]

UNKNOWN = ("HipChat shows the token's owner no room with this name (404). Correct the name or ID, "
           "or let the owner see the room.")
HISTORY = (" Until then its history is polled, which contains only messages, notifications and "
           "topics.")
ARCHIVED = "It is archived. Run hipchat.unarchive_room, or remove the room from the rules."


@dataclass
class _Room:
    """Holds the reconciler's state of a room and its webhooks.

    Attributes:
        changed: True if the required events have changed since the room was last reconciled.
        refused: True if HipChat refuses webhooks in the room to the token's owner (403).
        problem: why the room's events cannot be received; "" for no problem.
    """

    webhooks: RoomWebhooks
    changed: bool = False
    refused: bool = False
    problem: str = ""


class WebhookReconciler:
    """Creates and deletes webhooks until HipChat has one for each subscribed event and room.

    Subscribed means that a rule's trigger, or ChatOps, needs the event in the room.

    run() reads HipChat's list of rooms, and reconciles one room after the other: first the rooms
    whose subscriptions changed, then the rooms reconciled longest ago. To reconcile a room costs
    one call of HipChat's API, plus one for each webhook that it creates or deletes.

    No webhooks are required while the add-on receives the events of all rooms, or if HipChat
    cannot reach the sensor (the config has no public_url). Before the add-on is installed, there
    may be no token for HipChat's API; run() then waits for the installation.
    """

    def __init__(self, context: Context, owner: Client, addon: Installation, urls: WebhookUrl,
                 request_check: Callable[[int], None]):
        """Args:
            owner: the client of the token to which the webhooks belong.
            request_check: reads the history of a room (its ID) in which a webhook was missing.
        """
        self._owner, self._addon, self._urls = owner, addon, urls
        self._request_check = request_check
        self._is_reachable = bool(context.settings.public_url)
        self._context, self._health, self._log = context, context.health, context.log
        self._subscriptions, self._directory = context.subscriptions, context.rooms
        self._schedule = RoomSchedule(timing.WEBHOOK_ROOM_RETRY_MAX, self._priority)
        self._names = RoomList(context, self._schedule)
        self._rooms: Dict[int, _Room] = {}
        self._failing: Set[int] = set()  # IDs of rooms that failed last time, and ROOM_LIST
        self._failures = 0  # consecutive failures
        self._backoff = Backoff(timing.HIPCHAT_RETRY_MAX)

    def wake(self) -> None:
        """Wake run() to look for rooms whose required webhooks have changed."""
        self._schedule.wake()

    def note_leftover(self, address: Address) -> None:
        """Reconcile a room's webhooks soon: one of them delivers an event that no rule needs."""
        if address.room_id not in self._rooms:
            self._room(address.room_id)
            self.wake()

    def webhook_delivered(self, address: Address, webhook_id: int) -> None:
        """Reconcile a room's webhooks if one delivered that the sensor has not recorded.

        The delivery's URL has the sensor's signature, so the webhook is the sensor's own, even if
        it was created for another public_url. Reconciling is throttled, because anybody who knows
        the URL can send any webhook ID.

        Args:
            address: the event and room in the delivery's URL.
            webhook_id: the webhook ID in the delivery's body. 0: the body has none, and nothing
                happens, unless the add-on delivers and makes all room webhooks superfluous.
        """
        if self._addon.is_delivering:
            self.note_leftover(address)
        elif webhook_id not in (0, self.id_of(address)) and address.room_id in self._rooms:
            self._rooms[address.room_id].webhooks.note_delivering(webhook_id)
            self._schedule.set_due_by(
                address.room_id, time.monotonic() + timing.WEBHOOK_LOOK_THROTTLE)

    def note_room_name(self, address: Address, name: str) -> None:
        """Read HipChat's list of rooms sooner if a delivery hints that the list has changed."""
        if self._names.note_room_name(address, name):
            if address.room_id in self._rooms:
                self._schedule.set_due(address.room_id, 0.0)
            self.wake()

    def count(self) -> Dict[str, int]:
        """Count the required webhooks ("wanted"), and how many of them HipChat has ("present")."""
        unknown = self._subscriptions.unknown_names() if self._uses_webhooks() else {}
        return {"wanted": len(self._required()) + sum(map(len, unknown.values())),
                "present": sum(
                    room.webhooks.present() for room_id, room in self._rooms.items()
                    if room_id not in self._failing and not self._has_problem(room_id))}

    def elsewhere(self) -> int:
        """Return the number of webhooks with the sensor's signature for another public_url."""
        return sum(room.webhooks.elsewhere for room in self._rooms.values())

    def id_of(self, address: Address) -> int:
        """Return the ID of the webhook for an event in a room; 0 if there is none."""
        room = self._rooms.get(address.room_id)
        return room.webhooks.id_of(address.event) if room else 0

    def is_history_only(self, room_id: int) -> bool:
        """Return True if a room cannot have webhooks, and its history must be polled instead."""
        return not self._is_reachable or (
            room_id in self._rooms and self._rooms[room_id].refused and self._uses_webhooks())

    def problems(self) -> Dict[Union[int, str], str]:
        """Return why rooms' events cannot be received, by room ID or by a name that no room has."""
        found: Dict[Union[int, str], str] = {
            room_id: room.problem or ARCHIVED for room_id, room in self._rooms.items()
            if self._has_problem(room_id)}
        if self._directory.is_loaded:
            found.update(dict.fromkeys(self._subscriptions.unknown_names(), UNKNOWN))
        return found

    def title(self, room: Union[int, str]) -> str:
        """Return a room's name and ID, such as "Ops (42)"; or the given name that no room has."""
        name = self._directory.name_of(room) if isinstance(room, int) else None
        return f"{name} ({room})" if name else str(room)

    def run(self) -> None:
        """Reconcile the webhooks of one room after the other, for ever; retry after failures."""
        while True:
            if self._addon.is_missing:
                self._schedule.wait_for_wake()
                continue
            if self._schedule.is_stale:
                self._note_required()
            room_id = self._schedule.next()
            if room_id is None:
                self._schedule.wait(timing.WEBHOOK_CHECK_PERIOD)
            else:
                eventlet.sleep(self._serve(room_id))

    def _required(self) -> FrozenSet[Address]:
        return self._subscriptions.required() if self._uses_webhooks() else frozenset()

    def _uses_webhooks(self) -> bool:
        return self._is_reachable and not self._addon.replaces_webhooks

    def _room(self, room_id: int) -> _Room:
        if room_id not in self._rooms:
            self._schedule.add(room_id)
            self._rooms[room_id] = _Room(RoomWebhooks(
                room_id=room_id, client=self._owner, urls=self._urls, context=self._context))
        return self._rooms[room_id]

    def _priority(self, room_id: int) -> int:
        """Return a room's sort key: ROOM_LIST goes first, then rooms with changed subscriptions."""
        if room_id == ROOM_LIST:
            return 0
        return 1 if self._rooms[room_id].changed else 2

    def _note_required(self) -> None:
        self._names.note_subscriptions()
        required = defaultdict(set)
        for address in self._required():
            required[address.room_id].add(address.event)
        for room_id in set(required) | set(self._rooms):
            room = self._room(room_id)
            if room.webhooks.required != required[room_id]:
                room.webhooks.required, room.changed = required[room_id], True
                self._schedule.request(room_id)
            elif self._is_superfluous(room_id):
                self._forget(room_id)

    def _is_superfluous(self, room_id: int) -> bool:
        """Return whether a room was served, is due again, and needs no webhooks and has none."""
        room, due_at = self._rooms[room_id], self._schedule.due_at(room_id)
        return not room.webhooks.required and 0 < due_at <= time.monotonic() and (
            room.webhooks.is_empty() or bool(room.problem))

    def _forget(self, room_id: int) -> None:
        del self._rooms[room_id]
        self._schedule.remove(room_id)
        self._failing.discard(room_id)
        self._health.clear_problem("webhooks", _vanishing_in(room_id))

    def _has_problem(self, room_id: int) -> bool:
        room = self._rooms[room_id]
        return bool(room.webhooks.required) and (
            bool(room.problem) or self._directory.is_archived(room_id))

    def _serve(self, room_id: int) -> float:
        """Reconcile a room or read the room list; return the seconds to wait before the next."""
        try:
            if room_id == ROOM_LIST:
                self._names.read()
            else:
                self._check(room_id)
        except Exception as error:
            self._schedule.failed(room_id)
            return self._note_hipchat_failed(room_id, error)
        self._note_hipchat_works(room_id)
        return 0.0

    def _check(self, room_id: int) -> None:
        room = self._rooms[room_id]
        room.changed = False
        try:
            room.webhooks.reconcile()
        except (NotFound, Forbidden, InvalidRequest) as error:
            room.refused = isinstance(error, Forbidden)
            self._schedule.failed(room_id)
            self._note_problem(room_id, str(error) + (HISTORY if room.refused else ""))
            self._request_check(room_id)
        else:
            self._schedule.succeeded(room_id, timing.WEBHOOK_CHECK_PERIOD)
            room.refused = False
            if room.webhooks.was_missing:
                room.webhooks.was_missing = False
                self._request_check(room_id)
            self._note_problem(room_id, ARCHIVED if self._directory.is_archived(room_id) else "")
            self._note_vanishing(room_id, room.webhooks.vanishing)

    def _note_problem(self, room_id: int, problem: str) -> None:
        """Set a room's problem ("" for none), which RuleProblems reports."""
        room = self._rooms[room_id]
        if room.problem and problem != room.problem:
            self._log.info("Room %s: %s", self.title(room_id),
                           problem or "its events can be received now.")
        room.problem = problem

    def _note_vanishing(self, room_id: int, events: Set[str]) -> None:
        if not events:
            self._health.clear_problem("webhooks", _vanishing_in(room_id))
            return
        self._health.set_problem(
            "webhooks", "webhooks vanish", f"Room {self.title(room_id)}: "
            f"{', '.join(sorted(events))}. Each webhook was created {MADE_MAX} times in an hour, "
            "and HipChat does not list it. The sensor creates it again after the hour. Find out "
            "who deletes it, or whether HipChat lists webhooks at all: hipchat.list_webhooks.",
            _vanishing_in(room_id))

    def _note_hipchat_works(self, room_id: int) -> None:
        """Note that HipChat works for a room. If HipChat was down, retry all failed rooms now."""
        self._backoff.succeeded()
        self._failing.discard(room_id)
        if not self._failing:
            self._health.clear_problem("HipChat")
        elif self._failures > len(self._rooms) // 2:
            for failing in self._failing - {ROOM_LIST}:
                self._schedule.set_due(failing, 0.0)
        self._failures = 0

    def _note_hipchat_failed(self, room_id: int, error: Exception) -> float:
        """Report that HipChat fails; return the seconds to wait before the next room."""
        if isinstance(error, RateLimited):
            summary = "its rate limit is reached"
            delay = max(error.reset_in, timing.HIPCHAT_RETRY_MIN)
        else:
            summary, delay = "webhooks cannot be managed", self._backoff.failed()
        self._failing.add(room_id)
        self._failures += 1
        reason = str(error) if isinstance(error, HipChatError) else repr(error)
        self._health.set_problem("HipChat", summary,
                                 f"{reason} The sensor tries again until it works.")
        return delay


def _vanishing_in(room_id: int) -> str:
    return f"vanishing in {room_id}"
