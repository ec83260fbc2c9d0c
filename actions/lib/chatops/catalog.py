"""Caches StackStorm's action aliases: reading 135 of them takes longer than starting an action."""
import time
from typing import Any, Dict, Sequence

from chatops.matching import formats_of
from chatops.stackstorm import StackStorm

__all__ = ["Catalog", "Listing"]

MAX_AGE = 60.0  # seconds, for the case that StackStorm's event stream misses a change
FRESH = 1.0  # seconds; if a command matches no alias, aliases read earlier are read again


class Listing:
    """All aliases, as StackStorm's API returns them, and the formats of the enabled ones."""

    def __init__(self, aliases: Sequence[Dict[str, Any]]):
        self.aliases = aliases
        self.formats = [format for alias in aliases if alias.get("enabled", True)
                        for format in formats_of(alias)]


class Catalog:
    """A cache of StackStorm's aliases, which its owner refreshes from time to time.

    refresh() and listing() raise StackStormError if they read the aliases and that fails.
    """

    def __init__(self, stackstorm: StackStorm):
        self._stackstorm = stackstorm
        self._listing = Listing([])
        self._read_at = float("-inf")
        self._is_expired = True

    def expire(self) -> None:
        """Note that an alias may have changed, so the next refresh() reads all aliases again."""
        self._is_expired = True

    def refresh(self) -> None:
        """Read the aliases after expire() or MAX_AGE."""
        if self._is_expired or time.monotonic() - self._read_at > MAX_AGE:
            self._read()
            for format in self._listing.formats:
                format.prepare()
                time.sleep(0)  # lets the sensor's other greenlets run

    def listing(self, max_age: float = float("inf")) -> Listing:
        """Return the aliases; read them first if they are older than `max_age` seconds."""
        if time.monotonic() - self._read_at > max_age or not self._listing.aliases:
            self._read()
        return self._listing

    def _read(self) -> None:
        now, self._is_expired = time.monotonic(), False
        try:
            aliases = list(self._stackstorm.aliases())
        except BaseException:
            self._is_expired = True
            raise
        if aliases != self._listing.aliases:  # else the formats stay, which are read already
            self._listing = Listing(aliases)
        self._read_at = now
