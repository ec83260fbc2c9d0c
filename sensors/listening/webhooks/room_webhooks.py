"""The webhooks of one room in HipChat, set right to those that are wanted."""
import logging
from typing import Any, Dict, List, NamedTuple, Optional, Set

from hipchat.api.client import Client
from hipchat.errors import InvalidRequest, NotFound
from hipchat.webhook.ownership import Ownership
from hipchat.webhook.webhook_url import Address

__all__ = ["RoomWebhooks"]

NAME = "StackStorm"  # what HipChat shows its users as the webhook's label


class _Webhook(NamedTuple):
    """A webhook of ours in HipChat; event is None if it is none that can be kept."""

    id: str
    event: Optional[str]


class RoomWebhooks:
    """What is wanted in a room, and what HipChat has there of ours.

    wanted: HipChat's names of events. lacked: whether a webhook was missing since this was last set
    to False; unlisted: the events whose webhook HipChat made and did not list when it was asked
    next. Ours is what ownership says, and what HipChat gave an id when it was made. authentication:
    "jwt" for an integration's webhooks.
    """

    def __init__(self, room: int, client: Client, ownership: Ownership,
                 authentication: Optional[str], log: logging.Logger):
        self._room, self._client, self._ownership = room, client, ownership
        self._authentication, self._log = authentication, log
        self.wanted: Set[str] = set()
        self.lacked = False
        self.unlisted: Set[str] = set()
        self._webhooks: List[_Webhook] = []
        self._made: Dict[str, str] = {}  # events by the ids that HipChat gave
        self._seen: Set[str] = set()  # those of them that it has listed
        self._vanished: Set[str] = set()  # events whose webhook was gone before it was listed
        self._halfway = False

    def present(self) -> int:
        """How many of the wanted events have a webhook that HipChat lists."""
        return len(self.wanted & {webhook.event for webhook in self._webhooks} - self.unlisted)

    def id_of(self, event: str) -> int:
        """The id of an event's webhook, 0 if there is none."""
        found = (webhook.id for webhook in self._webhooks if webhook.event == event)
        number = next(found, "")
        return int(number) if number.isdigit() else 0

    def is_empty(self) -> bool:
        """Whether nothing is wanted and nothing of ours is there."""
        return not self.wanted and not self._webhooks

    def begin_anew(self) -> None:
        """List the webhooks first when they are set right next, wherever that ended last."""
        self._halfway = False

    def set_right(self) -> None:
        """Make what is missing, then delete what is too much: an event may come twice for a
        moment, but none is missed. Raises HipChatError; what was done stays known."""
        resumed = self._halfway
        if not resumed:  # else every second call going wrong would mean to list for ever
            self._list()
            self._halfway = True
        kept: Dict[str, _Webhook] = {}
        for webhook in sorted(self._webhooks, key=self._age):
            if webhook.event in self.wanted:
                kept.setdefault(webhook.event, webhook)
        self.lacked = self.lacked or not self.wanted <= set(kept)
        refused: Optional[InvalidRequest] = None
        for event in sorted(self.wanted - set(kept)):
            try:
                kept[event] = self._make(event)
            except InvalidRequest as error:  # an old HipChat Server does not know every event
                refused = error
        for webhook in [hook for hook in self._webhooks if hook not in kept.values()]:
            self._delete(webhook)
        self._halfway = False
        if resumed:  # a call that went wrong may have been done nevertheless
            self.set_right()
        elif refused:
            raise refused

    def _age(self, webhook: _Webhook) -> Any:
        return self._is_unlisted(webhook.id), len(webhook.id), webhook.id

    def _is_unlisted(self, number: str) -> bool:
        return number in self._made and number not in self._seen

    def _list(self) -> None:
        listed = {str(item["id"]): self._whole(item)
                  for item in self._client.items("room", self._room, "webhook")}
        self._seen |= set(listed) & set(self._made)
        self._vanished -= {self._made[number] for number in self._seen & set(self._made)}
        self._made = {number: event for number, event in self._made.items()
                      if number in listed or self._is_unlisted(number) and (
                          self._is_there(number, event))}
        unlisted = [_Webhook(*each) for each in self._made.items() if self._is_unlisted(each[0])]
        self._webhooks = unlisted + [
            _Webhook(number, self._event(number, item)) for number, item in listed.items()
            if number in self._made or self._ownership.is_ours(item)]
        self.unlisted = {webhook.event for webhook in unlisted} - {
            webhook.event for webhook in self._webhooks if not self._is_unlisted(webhook.id)}

    def _is_there(self, number: str, event: str) -> bool:
        """Whether a webhook that HipChat does not list is there nevertheless.

        It may have been deleted, but for each event this is believed once: HipChat might know
        nothing of any, and all would deliver.
        """
        if event not in self._vanished:
            try:
                self._client.call("GET", "room", self._room, "webhook", number)
            except NotFound:
                self._vanished.add(event)
                return False
        return True

    def _whole(self, item: Dict[str, Any]) -> Dict[str, Any]:
        """A webhook with its URL, where the list has none."""
        if isinstance(item.get("url"), str) or str(item["id"]) in self._made:
            return item
        return self._client.call("GET", "room", self._room, "webhook", item["id"])

    def _event(self, number: str, item: Dict[str, Any]) -> Optional[str]:
        """The event of a webhook that can be kept."""
        if number in self._made:
            return self._made[number]
        address = self._ownership.urls.read(str(item.get("url")))
        return address.event if address == (item.get("event"), self._room) else None

    def _make(self, event: str) -> _Webhook:
        made = self._client.call("POST", "room", self._room, "webhook", json={
            "url": self._ownership.urls.make(Address(event, self._room)), "event": event,
            "name": NAME, "authentication": self._authentication})
        webhook = _Webhook(str(made["id"]), event)
        self._made[webhook.id] = event
        self._webhooks.append(webhook)
        self._log.info("Webhook made: %s in room %d.", event, self._room)
        return webhook

    def _delete(self, webhook: _Webhook) -> None:
        try:
            self._client.call("DELETE", "room", self._room, "webhook", webhook.id)
        except NotFound:
            pass
        self._webhooks.remove(webhook)
        self._made.pop(webhook.id, None)
        self._seen.discard(webhook.id)
        self._log.info("Webhook deleted, since no trigger needs it: %s in room %d.",
                       webhook.event or webhook.id, self._room)
