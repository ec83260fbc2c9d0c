"""Which events of which rooms are subscribed, and since when."""
import time
from typing import Callable, Dict, FrozenSet, Optional

from hipchat.api.room_history import HISTORY_EVENTS
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.dispatch.subscriptions import Subscriptions
from listening.history.cursors import Cursors

__all__ = ["Subscribed"]


class Subscribed:
    """The subscribed addresses, each since a time of HipChat's clock.

    The times are stored with the cursors: a rule that was made while the sensor was down does not
    get what was posted before. An address that is not subscribed any more is remembered for
    timing.CURSOR_KEPT: rules are deleted and made again, and nothing that is posted in between is
    to be lost.
    """

    def __init__(self, subscriptions: Subscriptions, cursors: Cursors, now: Callable[[], float]):
        """Args:
            now: Returns Unix time by HipChat's clock.
        """
        self._subscriptions, self._cursors, self._now = subscriptions, cursors, now
        self._since: Dict[Address, float] = {}
        self._gone: Dict[Address, float] = {}  # since when it is not subscribed; time.monotonic()
        self._changed_at: Optional[float] = None
        self._is_noted = False

    def load(self) -> None:
        """Take the times that are stored with the cursors."""
        for room_id, events in self._cursors.subscribed().items():
            for event, since in events.items():
                self._since[Address(event, room_id)] = since

    def note_change(self) -> None:
        """Other events or rooms are subscribed."""
        if self._is_noted:
            self._changed_at, self._is_noted = self._now(), False

    def addresses(self) -> FrozenSet[Address]:
        """Return all that is subscribed now."""
        addresses = self._subscriptions.wanted()
        if not self._is_noted:
            if self._changed_at is None:  # at the start
                self._changed_at = self._now()
            self._note(addresses, self._changed_at)
            self._is_noted = not self._subscriptions.lack_names()
        return addresses

    def since(self, address: Address) -> float:
        """Return since when an address is subscribed, 0.0 if that is unknown."""
        return self._since.get(address, 0.0)

    def _note(self, addresses: FrozenSet[Address], changed_at: float) -> None:
        now = time.monotonic()
        if self._subscriptions.lack_names():  # it is unknown what is not subscribed any more
            self._gone.clear()
        for address in [each for each, gone in self._gone.items()
                        if gone + timing.CURSOR_KEPT <= now]:
            del self._gone[address], self._since[address]
        for address in set(self._since) - addresses:
            self._gone.setdefault(address, now)
        for address in addresses:
            self._gone.pop(address, None)
            if address.event in HISTORY_EVENTS and address not in self._since:
                self._since[address] = changed_at if self._cursors.knows_subscribed(
                    address.room) else 0.0
        events: Dict[int, Dict[str, float]] = {}
        for address, since in self._since.items():
            events.setdefault(address.room, {})[address.event] = since
        self._cursors.set_subscribed(events)
