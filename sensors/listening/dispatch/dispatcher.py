"""A delivery to StackStorm: once to each trigger whose subscription matches."""
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from eventlet.semaphore import Semaphore

from hipchat.events import (
    HIPCHAT_EVENTS, Event, payload, read_body, room_name, text_of, with_identities)
from listening import timing
from listening.context import Context
from listening.dispatch.dispatched_before import DispatchedBefore
from listening.dispatch.subscriptions import COMMANDS, Subscription
from listening.errors import RetryLater, ServiceUnavailable
from listening.spool import StoredDelivery
from listening.spool.store import time_sent
from hipchat.webhook.webhook_url import Address

__all__ = ["Dispatcher"]


DROPPED = {
    "filtered": "no trigger's filter is found in its text",
    "unwanted": "no trigger is for this event in this room",
    "unreadable": "it cannot be read any more",
}

Publish = Callable[[str, Dict[str, Any], str], None]


class Dispatcher:
    """Matches deliveries with subscriptions, and publishes each once per matching trigger."""

    def __init__(self, context: Context, publish: Publish, refresh: Callable[[], None],
                 delivery_unwanted: Callable[[Address], None],
                 delivery_handled: Callable[[Address, str], None],
                 take_command: Callable[[Address, Dict[str, Any], str], bool]):
        """Args:
            publish: publishes a payload: called with a trigger's ref, the payload and a trace tag.
            refresh: reads the triggers again: called before the first delivery, after a failure,
                and for a delivery without a subscription. (A change may have been lost.)
            delivery_unwanted: called with the address of a delivery without a subscription.
            delivery_handled: called with each delivery's address and what it calls its room.
            take_command: stores a delivery (address, body, message ID) that is a chat command, and
                tells whether it is one.
        """
        self._subscriptions, self._directory = context.subscriptions, context.rooms
        self._template_guard = context.settings.template_guard
        self._health, self._log = context.health, context.log
        self._publish, self._refresh = publish, refresh
        self._delivery_unwanted, self._delivery_handled = delivery_unwanted, delivery_handled
        self._take_command = take_command
        self._stale, self._refreshed = True, 0.0
        self._refreshing = Semaphore()
        self._before: Optional[DispatchedBefore] = None

    def take_over(self, before: DispatchedBefore) -> None:
        """Do not dispatch again what the sensor that was active before had dispatched."""
        self._before = before

    def deliver(self, delivery: StoredDelivery, told: Set[str]) -> None:
        """Publish a delivery to every matching trigger.

        Args:
            told: the refs of the triggers that have it, to which this adds.

        Raises:
            ServiceUnavailable: also while HipChat has not answered which room bears which name.
            RetryLater: HipChat has listed no room, and one may be meant by its name.
            Exception: what publish and refresh raise. Then the delivery is to be given here again.
        """
        self._refresh_if_stale()
        try:
            event, body = HIPCHAT_EVENTS[delivery.event], read_body(delivery.body)
            stated_name, address = room_name(body), Address(delivery.event, delivery.room_id)
            body = with_identities(body, self._directory.room(address.room))
        except (KeyError, ValueError):
            self._drop(delivery, "unreadable")
            return
        needs_names = bool(self._subscriptions.names())
        if needs_names and not self._directory.loaded:
            raise ServiceUnavailable("HipChat", "has not told yet which room bears which name",
                                     "Deliveries wait in the spool until it does.")
        heard = self._matching(delivery, address, event, body)
        if heard is None and self._look_again():
            heard = self._matching(delivery, address, event, body)
        if heard is None and needs_names and not self._directory.told:
            raise RetryLater("rooms", "HipChat has told of none", "It refuses to, or its list is "
                           "empty. Deliveries that may be for a rule that names its room wait in "
                           "the spool until it does.")
        for listener, groups in heard or []:
            if listener.ref in told:
                continue
            content = payload(event, body, listener.trigger_id, groups, self._template_guard)
            try:
                if not (self._before and self._before.has(
                        listener.ref, content, time_sent(delivery.number))):
                    self._publish(listener.ref, content, delivery.trace_tag)
            except Exception:
                self._stale = True
                raise
            told.add(listener.ref)
        if self._take_command(address, body, delivery.trace_tag):
            told.add(COMMANDS)
        self._delivery_handled(address, stated_name)
        if told:
            self._health.count(delivery.event, "dispatched")
            self._health.metrics.dispatch_seconds.observe(time.time() - delivery.received_at)
            self._log.info("Delivery %d, %s in room %d: dispatched to %s with the trace tag %s, "
                           "%.0f ms after it came.", delivery.number, delivery.event,
                           delivery.room_id, ", ".join(sorted(told)), delivery.trace_tag,
                           1000 * (time.time() - delivery.received_at))
        elif heard is not None:
            self._drop(delivery, "filtered")
        else:
            self._drop(delivery, "unwanted")
            self._delivery_unwanted(address)

    def _matching(self, delivery: StoredDelivery, address: Address, event: Event,
                  body: Dict[str, Any]) -> Optional[List[Tuple[Subscription, List[str]]]]:
        return self._subscriptions.matching(address, text_of(event, body["item"]))

    def _refresh_if_stale(self) -> None:
        with self._refreshing:
            if self._stale:
                self._refresh()
                self._stale, self._refreshed = False, time.monotonic()

    def _look_again(self) -> bool:
        """Read the triggers again, unless that was done lately; tell whether it was done now."""
        if time.monotonic() - self._refreshed < timing.TRIGGER_REFRESH_THROTTLE:
            return False
        self._stale = True
        self._refresh_if_stale()
        return True

    def _drop(self, delivery: StoredDelivery, reason: str) -> None:
        self._health.count(delivery.event, reason)
        self._log.info("Delivery %d, %s in room %d: dropped, %s.", delivery.number, delivery.event,
                       delivery.room_id, DROPPED[reason])
