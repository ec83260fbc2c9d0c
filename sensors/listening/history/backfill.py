"""Reads missed messages from a room's history, and stores them in the spool."""
import json
from typing import Callable, List

from hipchat.api.room_history import Cursor, HistoryItem, RoomHistory
from hipchat.webhook.webhook_url import Address
from listening.context import Context
from listening.dispatch.room_queues import RoomQueues
from listening.history.bodies import as_body
from listening.history.cursors import Cursors
from listening.history.subscribed import Subscribed
from listening.spool import Delivery, Spool, SpoolError
from listening.spool.delivery_factory import from_history
from listening.webhooks.reconciler import WebhookReconciler

__all__ = ["Backfill"]

BATCH = 500  # deliveries in one commit


class Backfill:
    """Reads a room's history from its cursor on, and stores missed messages in the spool.

    A cursor is the position up to which a room's history was read. The spool sorts the messages by
    the time they were sent, and drops those that a webhook delivered. Messages from before their
    event was subscribed in the room are skipped.

    Attributes:
        stored: the number of new deliveries so far, in all rooms.
    """

    def __init__(self, context: Context, cursors: Cursors, spool: Spool, room_queues: RoomQueues,
                 subscribed: Subscribed, webhooks: WebhookReconciler):
        self._now, self._history = context.client.now, RoomHistory(context.client)
        self._directory, self._log = context.rooms, context.log
        self._cursors, self._spool, self._room_queues = cursors, spool, room_queues
        self._subscribed, self._webhooks = subscribed, webhooks
        self.stored = 0

    def read(self, room_id: int, reach: float, has_missed: Callable[[], bool]) -> int:
        """Store a room's missed messages, and then set its cursor.

        The first reading of a room only sets the cursor.

        Args:
            reach: the age of the oldest message to store, in seconds.
            has_missed: returns whether messages older than `reach` may have been missed. Called
                after the history was read.

        Returns:
            The number of missed messages that are too old to be dispatched.

        Raises:
            HipChatError: the history cannot be read.
            SpoolError: a message was not stored.
        """
        cursor, rewinds = self._cursors.get(room_id), self._cursors.rewinds
        if cursor is None:
            newest = self._history.newest(room_id)
            self._cursors.set(room_id, newest or Cursor("", self._now()), is_dispatched=True)
            return 0
        missed = self._history.since(room_id, cursor)
        items = missed.items
        if not missed.whole:
            self._log.info("Room %d: its history since the last reading is too long to be read. "
                           "Messages before %s are skipped.", room_id,
                           items[0].body.get("date") if items else "now")
        begin = self._now() - reach
        old = next((place for place, item in enumerate(items) if item.sent_at >= begin), len(items))
        subscribed = self._are_subscribed(room_id, cursor, items)
        too_old = sum(subscribed[:old]) if has_missed() else 0
        self._insert(room_id, [
            self._delivery(Address(item.event or "", room_id), item)
            for item, is_subscribed in zip(items[old:], subscribed[old:]) if is_subscribed])
        if self._cursors.rewinds == rewinds:  # else deliveries were lost meanwhile: read them again
            self._cursors.set(room_id, items[-1].cursor if items else cursor,
                              is_dispatched=not self._spool.is_waiting(room_id))
        return too_old

    def _are_subscribed(self, room_id: int, cursor: Cursor,
                        items: List[HistoryItem]) -> List[bool]:
        """Return for each item whether its event is subscribed, now and when the item was sent.

        If HipChat's clock was set back between two items, the earlier item's later time counts for
        both.
        """
        addresses, sent_at = self._subscribed.addresses(), cursor.sent_at
        results = []
        for item in items:
            address, sent_at = Address(item.event or "", room_id), max(sent_at, item.sent_at)
            results.append(address in addresses and sent_at >= self._subscribed.since(address))
        return results

    def _insert(self, room_id: int, deliveries: List[Delivery]) -> None:
        """Store deliveries; raise SpoolError if one was not stored."""
        try:
            for start in range(0, len(deliveries), BATCH):
                if room_id in self._room_queues.paused():
                    self._room_queues.pause(room_id)  # ROOM_PAUSE_MAX starts again
                results = self._spool.insert_together(deliveries[start:start + BATCH])
                self.stored += results.count(True)
                for result in results:
                    if isinstance(result, SpoolError):
                        raise result
        finally:
            self._room_queues.notify(room_id)

    def _delivery(self, address: Address, item: HistoryItem) -> Delivery:
        body = as_body(item, self._directory.room(address.room_id), self._webhooks.id_of(address))
        return from_history(event=address.event, room_id=address.room_id,
                            raw=json.dumps(body).encode("utf-8"), body=body, item=item)
