"""HipChat's webhooks, kept at just those that the listeners need."""
import logging
import time
from collections import defaultdict
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

import eventlet
from eventlet.event import Event as Signal

from listening.backoff import Backoff
from hipchat.client import Client
from hipchat.errors import (
    ApiError, Forbidden, HipChatError, InvalidRequest, NotFound, RateLimited)
from listening.health import Health
from hipchat.webhook_url import Address, WebhookUrl

__all__ = ["Webhook", "Webhooks", "list_webhooks"]

CHECK_EVERY = 300.0  # seconds between two looks at a room in which nothing changed
SHORTEST_PAUSE = 1.0  # seconds, also where HipChat announces that its limit has just ended
LONGEST_PAUSE = 60.0  # seconds between two attempts while HipChat is in trouble
LONGEST_ROOM_PAUSE = 900.0  # seconds between two attempts for a room that cannot be had
NAME = "StackStorm"  # what HipChat shows its users as the webhook's label


class Webhook(NamedTuple):
    """A webhook of ours in HipChat; address is None if its URL is not signed with our secret."""

    id: str
    address: Optional[Address]


def list_webhooks(client: Client, urls: WebhookUrl, room: str) -> List[Webhook]:
    """The webhooks in a room that post below our public_url; those of others are left out."""
    return [Webhook(str(item["id"]), urls.read(item["url"]))
            for item in client.items("room", room, "webhook")
            if isinstance(item.get("url"), str) and urls.is_ours(item["url"])]


class _Room:
    """What is known of a room: who wants what of it, its webhooks, and when to look again.

    halfway: HipChat refused a call before all was set right; what was listed still holds.
    """

    def __init__(self):
        self.wanted: Set[str] = set()
        self.webhooks: List[Webhook] = []
        self.changed = True
        self.halfway = False
        self.due = 0.0
        self.backoff = Backoff(LONGEST_ROOM_PAUSE)
        self.trouble = ""

    def present(self) -> int:
        """How many of the wanted events have their webhook."""
        return len(self.wanted & {hook.address.event for hook in self.webhooks if hook.address})


class Webhooks:
    """One webhook for each event and room that the listeners want, in HipChat as it really is.

    run() looks at one room after the other: rooms where something changed first, then those that
    were looked at longest ago. Each look costs one call, and one more for each change. What lies
    below our public_url is ours; nothing else is ever touched.
    """

    def __init__(self, client: Client, urls: WebhookUrl, wanted: Callable[[], Set[Address]],
                 authentication: Optional[str], health: Health, log: logging.Logger):
        self._authentication = authentication
        self._client, self._urls, self._wanted = client, urls, wanted
        self._health, self._log = health, log
        self._rooms: Dict[str, _Room] = {}
        self._backoff = Backoff(LONGEST_PAUSE)
        self._changed = Signal()

    def changed(self) -> None:
        """What is wanted has changed."""
        if not self._changed.ready():
            self._changed.send()

    def unwanted(self, address: Address) -> None:
        """HipChat posted what nobody wants: a webhook is left over in a room we know nothing of."""
        if address.room not in self._rooms:
            self._rooms[address.room] = _Room()
            self.changed()

    def count(self) -> Dict[str, int]:
        """How many webhooks are wanted, and how many of these HipChat has."""
        return {"wanted": len(self._wanted()),
                "present": sum(room.present() for room in self._rooms.values())}

    def troubles(self) -> Dict[str, str]:
        """Why which rooms cannot be listened to."""
        return {name: room.trouble for name, room in self._rooms.items() if room.trouble}

    def run(self) -> None:
        """Keep the webhooks right, for ever, whatever HipChat does."""
        while True:
            self._changed = Signal()
            self._note_wanted()
            name = min(self._rooms, key=self._urgency, default=None)
            pause = self._rooms[name].due - time.monotonic() if name else CHECK_EVERY
            if pause > 0:
                with eventlet.Timeout(pause, False):
                    self._changed.wait()
            else:
                eventlet.sleep(self._attend(name))

    def _urgency(self, name: str) -> Tuple[bool, bool, float]:
        room = self._rooms[name]
        waits = room.due > time.monotonic()
        return waits, not room.changed and not waits, room.due

    def _note_wanted(self) -> None:
        wanted = defaultdict(set)
        for address in self._wanted():
            wanted[address.room].add(address.event)
        for name in set(wanted) | set(self._rooms):
            room = self._rooms.setdefault(name, _Room())
            if room.wanted != wanted[name]:
                room.wanted, room.changed, room.due = wanted[name], True, 0.0

    def _attend(self, name: str) -> float:
        """Look at a room; the seconds to pause before the next call, 0 unless HipChat is down."""
        room = self._rooms[name]
        room.changed = False
        try:
            self._set_right(name, room)
        except (NotFound, Forbidden, InvalidRequest) as error:
            self._room_trouble(name, room, error)
        except RateLimited as error:
            return self._hipchat_trouble(room, "its rate limit is reached", error,
                                         max(error.reset_in, SHORTEST_PAUSE))
        except Exception as error:
            room.halfway = room.halfway and isinstance(error, ApiError)
            return self._hipchat_trouble(room, "webhooks cannot be managed", error,
                                         self._backoff.failed())
        else:
            self._all_well(name, room)
        return 0.0

    def _set_right(self, name: str, room: _Room) -> None:
        resumed = room.halfway
        if not resumed:  # else every second call going wrong would mean to list for ever
            room.webhooks = list_webhooks(self._client, self._urls, name)
            room.halfway = True
        needed = self._needed(name, room)
        kept: Dict[str, Webhook] = {}
        for webhook in sorted(room.webhooks, key=lambda hook: (len(hook.id), hook.id)):
            if webhook.address and webhook.address.event in needed:
                kept.setdefault(webhook.address.event, webhook)
        # First make, then delete: an event may come twice for a moment, but none is missed.
        refused: Optional[InvalidRequest] = None
        for event in sorted(room.wanted - set(kept)):
            try:
                kept[event] = self._make(Address(event, name))
                room.webhooks.append(kept[event])
            except InvalidRequest as error:  # an old HipChat Server does not know every event
                refused = error
        for webhook in [hook for hook in room.webhooks if hook not in kept.values()]:
            self._delete(name, webhook)
            room.webhooks.remove(webhook)
        room.halfway = False
        if resumed:  # a call that went wrong may have been done nevertheless
            self._set_right(name, room)
        elif refused:
            raise refused

    def _needed(self, name: str, room: _Room) -> Set[str]:
        """The events that are wanted in this room by any of its names.

        A room goes by its id and its name. Two names are of one room if the same webhooks are
        found under both, or if one is in the URL of a webhook found under the other.
        """
        ids = {webhook.id for webhook in room.webhooks}
        names = {webhook.address.room for webhook in room.webhooks if webhook.address}
        return room.wanted.union(*(
            other.wanted for key, other in self._rooms.items()
            if key in names or any(webhook.id in ids for webhook in other.webhooks)))

    def _make(self, address: Address) -> Webhook:
        made = self._client.call("POST", "room", address.room, "webhook", json={
            "url": self._urls.make(address), "event": address.event, "name": NAME,
            "authentication": self._authentication})
        self._log.info("Webhook made: %s in room %s.", *address)
        return Webhook(str(made["id"]), address)

    def _delete(self, name: str, webhook: Webhook) -> None:
        try:
            self._client.call("DELETE", "room", name, "webhook", webhook.id)
        except NotFound:
            pass
        self._log.info("Webhook deleted, since no trigger needs it: %s in room %s.",
                       webhook.address.event if webhook.address else webhook.id, name)

    def _all_well(self, name: str, room: _Room) -> None:
        self._backoff.succeeded()
        self._health.well("HipChat")
        if room.trouble:
            self._log.info("Room %s: can be listened to now.", name)
        room.trouble = ""
        room.backoff.succeeded()
        room.due = time.monotonic() + CHECK_EVERY
        if not room.wanted and not room.webhooks:
            del self._rooms[name]

    def _room_trouble(self, name: str, room: _Room, error: ApiError) -> None:
        """Trouble with one room: told once, and no other room waits for it."""
        self._health.well("HipChat")
        self._backoff.succeeded()
        room.halfway = False
        if not room.wanted:
            del self._rooms[name]
            return
        if room.trouble != str(error):
            room.trouble = str(error)
            self._log.info("Room %s cannot be listened to: %s It is tried again, ever more "
                           "rarely, until it works or no trigger wants it.", name, error)
        room.due = time.monotonic() + room.backoff.failed()

    def _hipchat_trouble(self, room: _Room, summary: str, error: Exception,
                         pause: float) -> float:
        """Trouble with HipChat as a whole: pause, and then let another room have its turn."""
        self._health.trouble("HipChat", summary, "{} It is tried again until it works.".format(
            error if isinstance(error, HipChatError) else repr(error)))
        room.changed, room.due = True, time.monotonic() + pause
        return pause
