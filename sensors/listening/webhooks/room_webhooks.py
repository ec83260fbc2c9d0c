"""Makes the webhooks of one room equal to the required ones."""
import logging
import time
from collections import defaultdict
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from hipchat.api.client import Client
from hipchat.errors import InvalidRequest, NotFound
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening import timing

__all__ = ["MADE_MAX", "RoomWebhooks"]

NAME = "StackStorm"  # the webhook's label in HipChat's user interface
DELIVERING_MAX = 100  # unknown webhooks whose IDs are kept
MADE_MAX = 3  # creations of the webhook for one event in WEBHOOK_MAKE_PERIOD


class _Webhook(NamedTuple):
    """A webhook in HipChat that this sensor manages.

    Attributes:
        event: the event that the webhook delivers; None if the webhook must be deleted.
        fault: why the webhook must be deleted; "" if it need not be.
    """

    webhook_id: str
    event: Optional[str]
    fault: str = ""


class RoomWebhooks:
    """Creates the sensor's missing webhooks in one room of HipChat, and deletes superfluous ones.

    A webhook is the sensor's own if `urls` recognizes its URL, if this process created it, or
    if it has the sensor's signature for another public_url and delivers to this sensor.

    Attributes:
        required: the events (HipChat's names) that need a webhook; set by the caller.
        was_missing: True once a webhook was missing; the caller resets it.
        vanishing: the events whose webhook is missing although it was created MADE_MAX times.
        elsewhere: the number of webhooks with the sensor's signature for another public_url, which
            are not deleted.
    """

    def __init__(self, room_id: int, client: Client, urls: WebhookUrl,
                 authentication: Optional[str], log: logging.Logger):
        """Args:
            client: calls HipChat's API with the token to which the webhooks belong.
            authentication: "jwt" if HipChat must sign deliveries, else None.
        """
        self._room_id, self._client, self._urls = room_id, client, urls
        self._authentication, self._log = authentication, log
        self.required: Set[str] = set()
        self.was_missing = False
        self.vanishing: Set[str] = set()
        self.elsewhere = 0
        self._delivering: Set[str] = set()  # IDs of unknown webhooks that deliver
        self._webhooks: List[_Webhook] = []
        self._made: Dict[str, str] = {}  # the events of webhooks that we created, by ID
        self._made_at: Dict[str, List[float]] = defaultdict(list)  # by event
        self._is_halfway = False

    def note_delivering(self, webhook_id: int) -> None:
        """Note the unknown webhook ID of a delivery, for the next reconcile().

        Anybody can send any ID, so at most DELIVERING_MAX IDs are kept.
        """
        if len(self._delivering) < DELIVERING_MAX:
            self._delivering.add(str(webhook_id))

    def present(self) -> int:
        """Return the number of required events that have a webhook."""
        return len(self.required & {webhook.event for webhook in self._webhooks})

    def id_of(self, event: str) -> int:
        """Return the ID of an event's webhook; 0 if there is none."""
        found = (webhook.webhook_id for webhook in self._webhooks if webhook.event == event)
        webhook_id = next(found, "")
        return int(webhook_id) if webhook_id.isdigit() else 0

    def is_empty(self) -> bool:
        """Return True if no webhook is required, and HipChat has none of the sensor's."""
        return not self.required and not self._webhooks

    def start_over(self) -> None:
        """Let the next reconcile() list the room's webhooks again, not resume after a failure."""
        self._is_halfway = False

    def reconcile(self) -> None:
        """Create missing webhooks, then delete superfluous ones.

        In this order, an event may be delivered twice for a moment, but no event is lost. After a
        failure, the next call continues with the step that failed.

        Raises:
            HipChatError: a call of HipChat's API failed.
        """
        is_resumed = self._is_halfway
        if not is_resumed:  # if each second call failed, each reconcile() would only list
            self._list()
            self._is_halfway = True
        usable: Dict[str, _Webhook] = {}
        for webhook in sorted(self._webhooks, key=_age):
            if webhook.event in self.required:
                usable.setdefault(str(webhook.event), webhook)
        missing = self.required - set(usable)
        self.was_missing = self.was_missing or bool(missing)
        refused = self._make_all(missing, usable)
        for webhook in [each for each in self._webhooks if each not in usable.values()]:
            self._delete(webhook, self._reason(webhook))
        self._is_halfway = False
        if is_resumed:  # compare again: HipChat may have executed the failed call
            self.reconcile()
        elif refused:
            raise refused

    def _make_all(self, missing: Set[str],
                  usable: Dict[str, _Webhook]) -> Optional[InvalidRequest]:
        """Create webhooks.

        Args:
            missing: the events that need a webhook.
            usable: the webhooks that stay, by event; the new ones are added.

        Returns:
            None if HipChat accepted all events; else the last error: an old HipChat Server does
            not know all events.
        """
        refused: Optional[InvalidRequest] = None
        self.vanishing = {event for event in missing if self._is_vanishing(event)}
        for event in sorted(missing - self.vanishing):
            try:
                usable[event] = self._make(event)
            except InvalidRequest as error:
                refused = error
        return refused

    def _is_vanishing(self, event: str) -> bool:
        long_ago = time.monotonic() - timing.WEBHOOK_MAKE_PERIOD
        self._made_at[event] = [each for each in self._made_at[event] if each > long_ago]
        return len(self._made_at[event]) >= MADE_MAX

    def _list(self) -> None:
        """Read the room's webhooks from HipChat, and select the sensor's own."""
        listed = [self._with_url(item)
                  for item in self._client.items("room", self._room_id, "webhook")]
        ids = {str(item["id"]) for item in listed}
        self._made = {webhook_id: event for webhook_id, event in self._made.items()
                      if webhook_id in ids}
        others = [item for item in listed
                  if self._urls.other_public_url(str(item.get("url"))) is not None]
        moved = [item for item in others if str(item["id"]) in self._delivering]
        self.elsewhere = len(others) - len(moved)
        self._delivering = set()
        self._webhooks = [
            _Webhook(str(item["id"]), *self._purpose(item)) for item in listed
            if str(item["id"]) in self._made or self._urls.is_ours(str(item.get("url")))] + [
            _Webhook(str(item["id"]), None, "it delivers here for another public_url")
            for item in moved]

    def _with_url(self, item: Dict[str, Any]) -> Dict[str, Any]:
        """Return a webhook of HipChat's list with its URL, which the list may not contain."""
        if isinstance(item.get("url"), str) or str(item["id"]) in self._made:
            return item
        return self._client.call("GET", "room", self._room_id, "webhook", item["id"])

    def _purpose(self, item: Dict[str, Any]) -> Tuple[Optional[str], str]:
        """Return a webhook's event and "" if it is right; else None and the reason to delete it."""
        if str(item["id"]) in self._made:
            return self._made[str(item["id"])], ""
        address = self._urls.read(str(item.get("url")))
        if address and (address.event, address.room_id) == (item.get("event"), self._room_id):
            return address.event, ""
        return None, "its URL is not signed for this event and room"

    def _make(self, event: str) -> _Webhook:
        self._made_at[event].append(time.monotonic())
        made = self._client.call("POST", "room", self._room_id, "webhook", json={
            "url": self._urls.make(Address(event, self._room_id)), "event": event,
            "name": NAME, "authentication": self._authentication})
        webhook = _Webhook(str(made["id"]), event)
        self._made[webhook.webhook_id] = event
        self._webhooks.append(webhook)
        self._log.info("Webhook created: %s in room %d.", event, self._room_id)
        return webhook

    def _reason(self, webhook: _Webhook) -> str:
        if webhook.event is None:
            return webhook.fault
        return "another webhook delivers the same event" if webhook.event in self.required else (
            "no trigger needs it")

    def _delete(self, webhook: _Webhook, reason: str) -> None:
        try:
            self._client.call("DELETE", "room", self._room_id, "webhook", webhook.webhook_id)
        except NotFound:
            pass
        self._webhooks.remove(webhook)
        self._made.pop(webhook.webhook_id, None)
        self._log.info("Webhook deleted, because %s: %s in room %d.", reason,
                       webhook.event or webhook.webhook_id, self._room_id)


def _age(webhook: _Webhook) -> Tuple[int, str]:
    """Return a sort key: older webhooks have lower IDs."""
    return len(webhook.webhook_id), webhook.webhook_id
