"""Since when which event of which room is wanted."""
import time
from typing import Dict, Set

from hipchat.webhook_url import Address

__all__ = ["Beginnings"]


class Beginnings:
    """Since when each address is wanted, in seconds since 1970 by HipChat's clock.

    One that is not wanted any more is known for grace seconds: rules are replaced, and nothing that
    is said meanwhile is to be lost.
    """

    def __init__(self, grace: float):
        self._grace = grace
        self._since: Dict[Address, float] = {}
        self._gone: Dict[Address, float] = {}  # when it was not wanted any more (time.monotonic())

    def note(self, wanted: Set[Address], since: float) -> None:
        """All that is wanted now; since: when what is new among it began to be."""
        now = time.monotonic()
        for address in [each for each, gone in self._gone.items() if gone + self._grace <= now]:
            del self._gone[address], self._since[address]
        for address in set(self._since) - wanted:
            self._gone.setdefault(address, now)
        for address in wanted:
            self._gone.pop(address, None)
            self._since.setdefault(address, since)

    def of(self, address: Address) -> float:
        """Since when an address is wanted, 0.0 if that is not known."""
        return self._since.get(address, 0.0)
