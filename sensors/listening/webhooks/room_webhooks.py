"""Makes the webhooks of one room equal to the required ones."""
import time
from collections import defaultdict
from typing import Any, Dict, List, NamedTuple, Optional, Set

from hipchat.api.client import Client
from hipchat.errors import ApiError, InvalidRequest, NotFound
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening import timing
from listening.context import Context

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

    def __init__(self, room_id: int, client: Client, urls: WebhookUrl, context: Context):
        """Args:
            client: calls HipChat's API with the token to which the webhooks belong.
        """
        self._room_id, self._client, self._urls = room_id, client, urls
        self._authentication = "jwt" if context.settings.api.integration else None
        self._log = context.log
        self.required: Set[str] = set()
        self.was_missing = False
        self.vanishing: Set[str] = set()
        self.elsewhere = 0
        self._delivering: Set[str] = set()  # IDs of unknown webhooks that deliver
        self._webhooks: List[_Webhook] = []
        self._made: Dict[str, str] = {}  # the events of webhooks that we created, by ID
        self._made_at: Dict[str, List[float]] = defaultdict(list)  # by event
        self._is_listed = False

    def note_delivering(self, webhook_id: int) -> None:
        """Note the unknown webhook ID of a delivery, for the next reconcile()."""
        if len(self._delivering) < DELIVERING_MAX:  # anybody can send any ID
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

    def reconcile(self) -> None:
        """Create missing webhooks, then delete superfluous ones.

        In this order, an event may be delivered twice for a moment, but no event is lost. After an
        error that HipChat answered, the next call continues with the step that failed, once.

        Raises:
            HipChatError: a call of HipChat's API failed.
        """
        is_resumed, self._is_listed = self._is_listed, False
        if not is_resumed:  # if each second call failed, each reconcile() would only list
            self._list()
        usable: Dict[str, _Webhook] = {}
        for webhook in sorted(self._webhooks, key=lambda each: (  # older ones have lower IDs
                len(each.webhook_id), each.webhook_id)):
            if webhook.event in self.required:
                usable.setdefault(str(webhook.event), webhook)
        missing = self.required - set(usable)
        self.was_missing = self.was_missing or bool(missing)
        try:
            refused = self._make_all(missing, usable)
            for webhook in [each for each in self._webhooks if each not in usable.values()]:
                self._delete(webhook)
        except ApiError:
            self._is_listed = not is_resumed  # HipChat may have executed the call: list again
            raise
        if is_resumed:  # compare again: HipChat may have executed the failed call
            self.reconcile()
        elif refused:
            raise refused

    def _make_all(self, missing: Set[str],
                  usable: Dict[str, _Webhook]) -> Optional[InvalidRequest]:
        """Create webhooks for the missing events, and add them to the usable ones, by event.

        Returns:
            The last refusal, as an old HipChat Server does not know all events; else None.
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
        listed = {str(item["id"]): self._with_url(item)
                  for item in self._client.items("room", self._room_id, "webhook")}
        self._made = {webhook_id: event for webhook_id, event in self._made.items()
                      if webhook_id in listed}
        others = {webhook_id for webhook_id, item in listed.items()
                  if self._urls.other_public_url(item["url"]) is not None}
        moved = others & self._delivering
        self.elsewhere, self._delivering = len(others - moved), set()
        self._webhooks = [
            self._webhook(webhook_id, item) for webhook_id, item in listed.items()
            if webhook_id in moved or webhook_id in self._made or self._urls.is_ours(item["url"])]

    def _with_url(self, item: Dict[str, Any]) -> Dict[str, Any]:
        """Return a webhook of HipChat's list with its URL, which the list may not contain."""
        if not isinstance(item.get("url"), str) and str(item["id"]) not in self._made:
            item = self._client.call("GET", "room", self._room_id, "webhook", item["id"])
        return dict(item, url=str(item.get("url")))

    def _webhook(self, webhook_id: str, item: Dict[str, Any]) -> _Webhook:
        """Return one of the sensor's own webhooks in HipChat's list."""
        if webhook_id in self._made:
            return _Webhook(webhook_id, self._made[webhook_id])
        if not self._urls.is_ours(item["url"]):
            return _Webhook(webhook_id, None, "it delivers here for another public_url")
        address = self._urls.read(item["url"])
        if address and (address.event, address.room_id) == (item.get("event"), self._room_id):
            return _Webhook(webhook_id, address.event)
        return _Webhook(webhook_id, None, "its URL is not signed for this event and room")

    def _make(self, event: str) -> _Webhook:
        self._made_at[event].append(time.monotonic())
        try:
            made = self._client.call("POST", "room", self._room_id, "webhook", json={
                "url": self._urls.make(Address(event, self._room_id)), "event": event,
                "name": NAME, "authentication": self._authentication})
        except ApiError:  # if HipChat created it nevertheless, it will be in the list
            self._made_at[event].pop()
            raise
        webhook = _Webhook(str(made["id"]), event)
        self._made[webhook.webhook_id] = event
        self._webhooks.append(webhook)
        self._log.info("Webhook created: %s in room %d.", event, self._room_id)
        return webhook

    def _delete(self, webhook: _Webhook) -> None:
        reason = webhook.fault or (
            "another webhook delivers the same event" if webhook.event in self.required else
            "no trigger needs it")
        try:
            self._client.call("DELETE", "room", self._room_id, "webhook", webhook.webhook_id)
        except NotFound:
            pass
        self._webhooks.remove(webhook)
        self._made.pop(webhook.webhook_id, None)
        self._log.info("Webhook deleted, because %s: %s in room %d.", reason,
                       webhook.event or webhook.webhook_id, self._room_id)
