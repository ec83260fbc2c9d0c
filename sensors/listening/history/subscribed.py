"""Records since when each event in each room is subscribed, because rules or commands need it."""
import time
from typing import Callable, Dict, FrozenSet, Optional

from hipchat.api.room_history import HISTORY_EVENTS
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.history.cursors import Cursors
from listening.subscriptions import Subscriptions

__all__ = ["Subscribed"]


class Subscribed:
    """Records for each address (event and room) since when it is subscribed (HipChat's clock).

    The times are needed because a new rule must not receive messages that were sent before it was
    created. The times are stored with the cursors, because rules may be created while the sensor is
    down. A time is kept for CURSOR_KEPT after the subscription has ended, so that no message is
    lost if a rule is deleted and created again.
    """

    def __init__(self, subscriptions: Subscriptions, cursors: Cursors, now: Callable[[], float]):
        """Args:
            now: returns Unix time by HipChat's clock.
        """
        self._subscriptions, self._cursors, self._now = subscriptions, cursors, now
        self._gone: Dict[Address, float] = {}  # when a subscription ended; time.monotonic()
        self._changed_at: Optional[float] = None
        self._is_noted = False

    def note_change(self) -> None:
        """Note that subscriptions change now; addresses() uses this time as the new ones' start."""
        if self._is_noted:
            self._changed_at, self._is_noted = self._now(), False

    def addresses(self) -> FrozenSet[Address]:
        """Return the addresses that are subscribed now."""
        addresses = self._subscriptions.required()
        if not self._is_noted:
            if self._changed_at is None:  # the first call
                self._changed_at = self._now()
            self._note(addresses, self._changed_at)
            self._is_noted = not self._subscriptions.lack_room_list()
        return addresses

    def since(self, address: Address) -> float:
        """Return since when an address is subscribed (Unix time); 0.0 if this is unknown."""
        return self._cursors.subscribed.get(address.room_id, {}).get(address.event, 0.0)

    def _note(self, addresses: FrozenSet[Address], changed_at: float) -> None:
        """Record new addresses with the Unix time changed_at; forget those that ended long ago."""
        now = time.monotonic()
        times = {Address(event, room_id): since
                 for room_id, events in self._cursors.subscribed.items()
                 for event, since in events.items()}
        if self._subscriptions.lack_room_list():  # a missing address may still be subscribed
            self._gone.clear()
        for address in [each for each, gone in self._gone.items()
                        if gone + timing.CURSOR_KEPT <= now]:
            del self._gone[address], times[address]
        for address in set(times) - addresses:
            self._gone.setdefault(address, now)
        for address in addresses:
            self._gone.pop(address, None)
            if address.event in HISTORY_EVENTS and address not in times:
                times[address] = changed_at if self._cursors.knows_subscribed(
                    address.room_id) else 0.0
        by_room: Dict[int, Dict[str, float]] = {}
        for address, since in times.items():
            by_room.setdefault(address.room_id, {})[address.event] = since
        self._cursors.set_subscribed(by_room)
