"""Publishes a delivery to each StackStorm trigger that it matches, once."""
import time
from typing import Any, Callable, Dict, List, Optional, Set

from hipchat.events import (
    HIPCHAT_EVENTS, payload, read_body, room_name, text_of, with_identities)
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.context import Context
from listening.dispatch.dispatched_before import DispatchedBefore
from listening.errors import RetryLater, ServiceUnavailable
from listening.single_flight import SingleFlight
from listening.spool import StoredDelivery
from listening.spool.store import to_sent_at
from listening.subscriptions import COMMANDS, Match

__all__ = ["Dispatcher"]

DROPPED = {
    "filtered": "no trigger's filter matches its text",
    "unwanted": "no trigger is for this event in this room",
    "unreadable": "its body cannot be read",
    "dispatched before": "the previously active sensor dispatched it",
}


class Dispatcher:
    """Matches deliveries with subscriptions, and publishes each once per matching trigger."""

    def __init__(self, context: Context, publish: Callable[[str, Dict[str, Any], str], None],
                 refresh: Callable[[], None],
                 delivery_unwanted: Callable[[Address], None],
                 delivery_handled: Callable[[Address, str], None],
                 take_command: Callable[[Address, Dict[str, Any], str], bool]):
        """Args:
            publish: publishes a payload; called with a trigger's ref, the payload and a trace tag.
            refresh: reads the triggers from StackStorm's database; called before the first
                delivery, after a failure, and for a delivery without a subscription, as a change
                of the triggers may have been lost.
            delivery_unwanted: called with the address (event and room ID) of a delivery without a
                subscription.
            delivery_handled: called after each delivery, dispatched or dropped, with its address
                and the room name in its body; not called for an unreadable body.
            take_command: stores a delivery if it is a chat command, and returns whether it is
                one; called with the address, the body and the trace tag (the message ID).
        """
        self._subscriptions, self._directory = context.subscriptions, context.rooms
        self._template_guard = context.settings.template_guard
        self._health, self._log = context.health, context.log
        self._publish, self._read_triggers = publish, refresh
        self._refresh = SingleFlight(self._refresh_now)
        self._delivery_unwanted, self._delivery_handled = delivery_unwanted, delivery_handled
        self._take_command = take_command
        self._stale, self._refreshed = True, 0.0
        self._before: Optional[DispatchedBefore] = None

    def take_over(self, before: DispatchedBefore) -> None:
        """From now on, skip the deliveries that the previously active sensor dispatched."""
        self._before = before

    def deliver(self, delivery: StoredDelivery, dispatched_to: Set[str]) -> None:
        """Publish a delivery to every matching trigger.

        After an exception, call deliver() again later with the same arguments.

        Args:
            dispatched_to: the refs of the triggers that received the delivery in earlier attempts,
                and are skipped. Each dispatch to a trigger adds its ref.

        Raises:
            ServiceUnavailable: rules use room names, and HipChat's list of rooms was not read yet.
            RetryLater: rules use room names, and HipChat lists no rooms.
            Exception: publish or refresh raised this exception, also one of the above.
        """
        if self._stale:
            self._refresh()
        try:
            event, body = HIPCHAT_EVENTS[delivery.event], read_body(delivery.body)
            stated_name, address = room_name(body), Address(delivery.event, delivery.room_id)
            body = with_identities(body, self._directory.room(address.room_id))
        except (KeyError, ValueError):
            self._drop(delivery, "unreadable")
            return
        matches = self._matches(address, text_of(event, body["item"]))
        before: Set[str] = set()  # refs of triggers that got it from the previously active sensor
        for subscription, groups in matches or []:
            if subscription.ref not in dispatched_to:
                content = payload(event, body, subscription.trigger_id, groups,
                                  self._template_guard)
                if not self._dispatch(delivery, subscription.ref, content):
                    before.add(subscription.ref)
                dispatched_to.add(subscription.ref)
        if self._take_command(address, body, delivery.trace_tag):
            dispatched_to.add(COMMANDS)
        self._delivery_handled(address, stated_name)
        if dispatched_to - before:
            self._note_dispatched(delivery, dispatched_to - before)
        elif before:
            self._drop(delivery, "dispatched before")
        elif matches is not None:
            self._drop(delivery, "filtered")
        else:
            self._drop(delivery, "unwanted")
            self._delivery_unwanted(address)

    def _matches(self, address: Address, text: str) -> Optional[List[Match]]:
        """Return Subscriptions.matching(), after the triggers were read again if it finds none."""
        if self._subscriptions.names() and not self._directory.is_loaded:
            raise ServiceUnavailable("HipChat", "its list of rooms was not read yet",
                                     "Deliveries wait in the spool until it is read: rules use "
                                     "room names.")
        matches = self._subscriptions.matching(address, text)
        if matches is None and (
                time.monotonic() - self._refreshed >= timing.TRIGGER_REFRESH_THROTTLE):
            self._refresh()
            matches = self._subscriptions.matching(address, text)
        if matches is None and self._subscriptions.lack_room_list():
            raise RetryLater("rooms", "HipChat lists no room", "It refuses to list them, or the "
                             "list is empty. Deliveries for a rule that uses a room name wait in "
                             "the spool until it lists rooms.")
        return matches

    def _dispatch(self, delivery: StoredDelivery, trigger_ref: str,
                  content: Dict[str, Any]) -> bool:
        """Publish a delivery to a trigger; return False if the previously active sensor has."""
        try:
            if self._before and self._before.has(
                    trigger_ref, content, to_sent_at(delivery.sequence_number)):
                return False
            self._publish(trigger_ref, content, delivery.trace_tag)
            return True
        except Exception:
            self._stale = True
            raise

    def _note_dispatched(self, delivery: StoredDelivery, dispatched_to: Set[str]) -> None:
        seconds = time.time() - delivery.received_at
        self._health.count(delivery.event, "dispatched")
        self._health.metrics.dispatch_seconds.observe(seconds)
        self._log.info("Delivery %d, %s in room %d: dispatched to %s with the trace tag %s, "
                       "%.0f ms after it was received.", delivery.sequence_number, delivery.event,
                       delivery.room_id, ", ".join(sorted(dispatched_to)), delivery.trace_tag,
                       1000 * seconds)

    def _refresh_now(self) -> None:
        self._read_triggers()
        self._stale, self._refreshed = False, time.monotonic()

    def _drop(self, delivery: StoredDelivery, reason: str) -> None:
        self._health.count(delivery.event, reason)
        self._log.info("Delivery %d, %s in room %d: dropped, %s.", delivery.sequence_number,
                       delivery.event, delivery.room_id, DROPPED[reason])
