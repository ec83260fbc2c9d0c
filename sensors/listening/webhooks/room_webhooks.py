"""The webhooks of one room in HipChat, made equal to those that are wanted."""
import logging
import time
from collections import defaultdict
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from hipchat.api.client import Client
from hipchat.errors import InvalidRequest, NotFound
from hipchat.webhook.ownership import Ownership
from hipchat.webhook.webhook_url import Address
from listening import timing

__all__ = ["MADE_MAX", "RoomWebhooks"]

NAME = "StackStorm"  # what HipChat shows its users as the webhook's label
DELIVERING_MAX = 100  # webhooks that deliver and are looked for
MADE_MAX = 3  # times in WEBHOOK_MAKE_PERIOD that the webhook for one event is made


class _Webhook(NamedTuple):
    """A webhook of ours in HipChat; event is None if it cannot be kept, for the reason `fault`."""

    id: str
    event: Optional[str]
    fault: str = ""


class RoomWebhooks:
    """What is wanted in a room, and what HipChat has there of ours.

    Ours is what ownership says, what our own call has made, and what has our signature and delivers
    to this sensor though it was made for another public_url.

    Attributes:
        wanted: HipChat's names of events.
        lacked: whether a webhook was missing since this was last set to False.
        vanishing: the events whose webhook is missing again, though it was made MADE_MAX times.
        elsewhere: how many webhooks have our signature for another public_url.
    """

    def __init__(self, room_id: int, client: Client, ownership: Ownership,
                 authentication: Optional[str], log: logging.Logger):
        """Args:
            authentication: "jwt" for an integration's webhooks.
        """
        self._room_id, self._client, self._ownership = room_id, client, ownership
        self._authentication, self._log = authentication, log
        self.wanted: Set[str] = set()
        self.lacked = False
        self.vanishing: Set[str] = set()
        self.elsewhere = 0
        self._delivering: Set[str] = set()  # IDs of webhooks that deliver and are not known
        self._webhooks: List[_Webhook] = []
        self._made: Dict[str, str] = {}  # events by the IDs that HipChat gave
        self._made_at: Dict[str, List[float]] = defaultdict(list)  # by event
        self._is_halfway = False

    def note_delivering(self, webhook_id: int) -> None:
        """A webhook that is none of the known ones delivers, as a body says that anybody may send.
        """
        if len(self._delivering) < DELIVERING_MAX:
            self._delivering.add(str(webhook_id))

    def present(self) -> int:
        """How many of the wanted events have a webhook."""
        return len(self.wanted & {webhook.event for webhook in self._webhooks})

    def id_of(self, event: str) -> int:
        """The ID of an event's webhook, 0 if there is none."""
        found = (webhook.id for webhook in self._webhooks if webhook.event == event)
        webhook_id = next(found, "")
        return int(webhook_id) if webhook_id.isdigit() else 0

    def is_empty(self) -> bool:
        """Whether nothing is wanted and nothing of ours is there."""
        return not self.wanted and not self._webhooks

    def start_over(self) -> None:
        """List the webhooks first the next time, wherever it ended last."""
        self._is_halfway = False

    def reconcile(self) -> None:
        """Make what is missing, then delete what is too much.

        An event may come twice for a moment, but none is missed. Raises HipChatError; what was done
        stays known.
        """
        is_resumed = self._is_halfway
        if not is_resumed:  # else every second call that fails would mean to list for ever
            self._list()
            self._is_halfway = True
        kept: Dict[str, _Webhook] = {}
        for webhook in sorted(self._webhooks, key=_age):
            if webhook.event in self.wanted:
                kept.setdefault(str(webhook.event), webhook)
        missing = self.wanted - set(kept)
        self.lacked = self.lacked or bool(missing)
        refused = self._make_all(missing, kept)
        for webhook in [each for each in self._webhooks if each not in kept.values()]:
            self._delete(webhook, self._reason(webhook))
        self._is_halfway = False
        if is_resumed:  # a call that failed may have been done nevertheless
            self.reconcile()
        elif refused:
            raise refused

    def _make_all(self, missing: Set[str], kept: Dict[str, _Webhook]) -> Optional[InvalidRequest]:
        """Make webhooks; an old HipChat Server does not know every event."""
        refused: Optional[InvalidRequest] = None
        self.vanishing = {event for event in missing if self._is_vanishing(event)}
        for event in sorted(missing - self.vanishing):
            try:
                kept[event] = self._make(event)
            except InvalidRequest as error:
                refused = error
        return refused

    def _is_vanishing(self, event: str) -> bool:
        long_ago = time.monotonic() - timing.WEBHOOK_MAKE_PERIOD
        self._made_at[event] = [each for each in self._made_at[event] if each > long_ago]
        return len(self._made_at[event]) >= MADE_MAX

    def _list(self) -> None:
        listed = [self._with_url(item)
                  for item in self._client.items("room", self._room_id, "webhook")]
        ids = {str(item["id"]) for item in listed}
        self._made = {webhook_id: event for webhook_id, event in self._made.items()
                      if webhook_id in ids}
        others = [item for item in listed if self._ownership.other_public_url(item) is not None]
        moved = [item for item in others if str(item["id"]) in self._delivering]
        self.elsewhere = len(others) - len(moved)
        self._delivering = set()
        self._webhooks = [
            _Webhook(str(item["id"]), *self._purpose(item)) for item in listed
            if str(item["id"]) in self._made or self._ownership.is_ours(item)] + [
            _Webhook(str(item["id"]), None, "it delivers here for another public_url")
            for item in moved]

    def _with_url(self, item: Dict[str, Any]) -> Dict[str, Any]:
        """A webhook with its URL, where the list has none."""
        if isinstance(item.get("url"), str) or str(item["id"]) in self._made:
            return item
        return self._client.call("GET", "room", self._room_id, "webhook", item["id"])

    def _purpose(self, item: Dict[str, Any]) -> Tuple[Optional[str], str]:
        """The event of a webhook, None if it cannot be kept, and why not."""
        if str(item["id"]) in self._made:
            return self._made[str(item["id"])], ""
        address = self._ownership.urls.read(str(item.get("url")))
        if address and (address.event, address.room) == (item.get("event"), self._room_id):
            return address.event, ""
        return None, "its URL is not signed for this event and room"

    def _make(self, event: str) -> _Webhook:
        self._made_at[event].append(time.monotonic())
        made = self._client.call("POST", "room", self._room_id, "webhook", json={
            "url": self._ownership.urls.make(Address(event, self._room_id)), "event": event,
            "name": NAME, "authentication": self._authentication})
        webhook = _Webhook(str(made["id"]), event)
        self._made[webhook.id] = event
        self._webhooks.append(webhook)
        self._log.info("Webhook made: %s in room %d.", event, self._room_id)
        return webhook

    def _reason(self, webhook: _Webhook) -> str:
        """Why a webhook is deleted."""
        if webhook.event is None:
            return webhook.fault
        return "another one delivers the same" if webhook.event in self.wanted else (
            "no trigger needs it")

    def _delete(self, webhook: _Webhook, reason: str) -> None:
        try:
            self._client.call("DELETE", "room", self._room_id, "webhook", webhook.id)
        except NotFound:
            pass
        self._webhooks.remove(webhook)
        self._made.pop(webhook.id, None)
        self._log.info("Webhook deleted, since %s: %s in room %d.", reason,
                       webhook.event or webhook.id, self._room_id)


def _age(webhook: _Webhook) -> Tuple[int, str]:
    return len(webhook.id), webhook.id
