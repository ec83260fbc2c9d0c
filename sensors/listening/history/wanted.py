"""What is wanted of the histories, and since when."""
import time
from typing import Callable, Dict, FrozenSet, Optional

from hipchat.webhook.webhook_url import Address
from listening.dispatch.subscriptions import Subscriptions

__all__ = ["Wanted"]


class Wanted:
    """The addresses that the subscriptions want, each since a time of HipChat's clock.

    Of those that are wanted at the first look, or when HipChat first tells of the rooms that are
    called by names, it is not known since when. One that is not wanted any more is known for grace
    seconds: rules are replaced, and nothing that is said meanwhile is to be lost. now: HipChat's
    clock, in seconds since 1970.
    """

    def __init__(self, subscriptions: Subscriptions, now: Callable[[], float], grace: float):
        self._subscriptions, self._now, self._grace = subscriptions, now, grace
        self._changed: Optional[float] = 0.0  # when that was, None once it is noted
        self._since: Dict[Address, float] = {}
        self._gone: Dict[Address, float] = {}  # when it was not wanted any more (time.monotonic())

    def changed(self) -> None:
        """The subscriptions want something else."""
        if self._changed is None:
            self._changed = self._now()

    def addresses(self) -> FrozenSet[Address]:
        """All that is wanted now."""
        wanted = self._subscriptions.wanted()
        if self._changed is not None:
            self._note(wanted, self._changed)
            if not self._subscriptions.lack_names():
                self._changed = None
        return wanted

    def since(self, address: Address) -> float:
        """Since when one is wanted, 0.0 if that is not known."""
        return self._since.get(address, 0.0)

    def _note(self, wanted: FrozenSet[Address], since: float) -> None:
        now = time.monotonic()
        for address in [each for each, gone in self._gone.items() if gone + self._grace <= now]:
            del self._gone[address], self._since[address]
        for address in set(self._since) - wanted:
            self._gone.setdefault(address, now)
        for address in wanted:
            self._gone.pop(address, None)
            self._since.setdefault(address, since)
