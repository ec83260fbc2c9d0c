"""A delivery to StackStorm: once to each trigger that hears it."""
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from eventlet.semaphore import Semaphore

from hipchat.events import HIPCHAT_EVENTS, Event, payload, read_body, room_name, text_of
from hipchat.text.room_reference import is_room_id
from listening import timing
from listening.context import Context
from listening.dispatch.subscriptions import Subscription
from listening.errors import RetryLater, ServiceUnavailable
from listening.spool import Delivery
from listening.spool.epochs import epoch_of
from hipchat.webhook.webhook_url import Address

__all__ = ["Dispatcher"]


DROPPED = {
    "filtered": "no trigger's filter is found in its text",
    "unwanted": "no trigger hears this event in this room",
    "unreadable": "it cannot be read any more",
}

Publish = Callable[[str, Dict[str, Any], str], None]


class Dispatcher:
    """Matches deliveries with subscriptions and dispatches each once per matching trigger.

    publish (trigger ref, payload, trace tag) raises when it fails. refresh is called before the
    first delivery, after a failure, and for a delivery that no subscription matches, to learn of
    triggers that changed unheard; it may raise. delivery_unwanted is called with the address of a
    delivery that no subscription matches, and delivery_handled with that of each delivery, and
    what it calls its room.
    """

    def __init__(self, context: Context, publish: Publish, refresh: Callable[[], None],
                 delivery_unwanted: Callable[[Address], None],
                 delivery_handled: Callable[[Address, str], None]):
        self._subscriptions, self._directory = context.subscriptions, context.rooms
        self._template_guard = context.settings.template_guard
        self._health, self._log = context.health, context.log
        self._publish, self._refresh = publish, refresh
        self._delivery_unwanted, self._delivery_handled = delivery_unwanted, delivery_handled
        self._stale, self._refreshed = True, 0.0
        self._refreshing = Semaphore()
        self._epoch = 0

    def begin(self, epoch: int) -> None:
        """Take the epoch of the start: what came before it is heard in whatever room it came."""
        self._epoch = epoch

    def deliver(self, delivery: Delivery, told: Set[str]) -> None:
        """Dispatch to every matching trigger that is not in told, which grows as they are.

        Raises what publish and refresh raise, ServiceUnavailable while HipChat has not answered
        which room
        bears which name, and RetryLater while it has told of no room; the delivery is to be given
        here again, then.
        """
        self._refresh_if_stale()
        try:
            event, body = HIPCHAT_EVENTS[delivery.event], read_body(delivery.body)
        except (KeyError, ValueError):
            self._drop(delivery, "unreadable")
            return
        address = self._address(delivery)
        heard = self._matching(delivery, address, event, body)
        if heard is None and self._look_again():
            heard = self._matching(delivery, address, event, body)
        if heard is None and not self._directory.told and self._needs_names(delivery):
            raise RetryLater("rooms", "HipChat has told of none", "It refuses to, or its list is "
                           "empty. Deliveries that may be for a rule that names its room wait in "
                           "the spool until it does.")
        for listener, groups in heard or []:
            if listener.ref in told:
                continue
            try:
                self._publish(listener.ref, payload(event, body, listener.trigger_id, groups,
                                                    self._template_guard), delivery.trace)
            except Exception:
                self._stale = True
                raise
            told.add(listener.ref)
        if address:
            self._delivery_handled(address, room_name(body))
        if told:
            self._health.dispatched += 1
            self._log.info("Delivery %d, %s in room %s: dispatched to %s with the trace tag %s, "
                           "%.0f ms after it came.", delivery.id, delivery.event, delivery.room,
                           ", ".join(sorted(told)), delivery.trace,
                           1000 * (time.time() - delivery.received))
        elif heard is not None:
            self._drop(delivery, "filtered")
        else:
            self._drop(delivery, "unwanted")
            if address:
                self._delivery_unwanted(address)

    def _address(self, delivery: Delivery) -> Optional[Address]:
        """Which event in which room it is; None if no room bears the name by which it was kept.

        Version 0.1.0 kept names. ServiceUnavailable while it is not known which room bears which
        name.
        """
        if not self._directory.loaded and self._needs_names(delivery):
            raise ServiceUnavailable("HipChat", "has not told yet which room bears which name",
                         "Deliveries wait in the spool until it does.")
        room = self._directory.id_of(delivery.room)
        return None if room is None else Address(delivery.event, room)

    def _needs_names(self, delivery: Delivery) -> bool:
        """Whether who hears a delivery depends on which room bears which name."""
        return bool(self._subscriptions.names()) or not is_room_id(delivery.room)

    def _matching(self, delivery: Delivery, address: Optional[Address], event: Event,
                  body: Dict[str, Any]) -> Optional[List[Tuple[Subscription, List[str]]]]:
        if not address:
            return None
        text = text_of(event, body["item"])
        heard = self._subscriptions.matching(address, text)
        if heard is None and epoch_of(delivery.id) < self._epoch:
            heard = self._subscriptions.matching_elsewhere(address, text)
        return heard

    def _refresh_if_stale(self) -> None:
        with self._refreshing:
            if self._stale:
                self._refresh()
                self._stale, self._refreshed = False, time.monotonic()

    def _look_again(self) -> bool:
        """Whether the triggers were read anew: that of a new rule may have come unheard."""
        if time.monotonic() - self._refreshed < timing.TRIGGER_REFRESH_THROTTLE:
            return False
        self._stale = True
        self._refresh_if_stale()
        return True

    def _drop(self, delivery: Delivery, reason: str) -> None:
        self._health.dropped[reason] += 1
        self._log.info("Delivery %d, %s in room %s: dropped, %s.", delivery.id, delivery.event,
                       delivery.room, DROPPED[reason])
