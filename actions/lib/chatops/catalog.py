"""Caches StackStorm's aliases: reading 135 aliases takes longer than starting a command."""
import time
from typing import Any, Callable, Dict, List, NamedTuple

from chatops.matching import Format, formats_of
from chatops.stackstorm import StackStorm

__all__ = ["Catalog", "Listing"]

MAX_AGE = 60.0  # seconds, for the case that StackStorm's event stream misses a change
FRESH = 1.0  # seconds; if a command fits no alias, older aliases are read again


class Listing(NamedTuple):
    """All aliases, and the formats of the enabled ones."""

    aliases: List[Dict[str, Any]]
    formats: List[Format]

    @classmethod
    def of(cls, aliases: List[Dict[str, Any]]) -> "Listing":
        """Return a listing of these aliases."""
        return cls(aliases, [format for alias in aliases if alias.get("enabled", True)
                             for format in formats_of(alias)])


class Catalog:
    """The aliases as they were read last. A command waits for a new read only if no alias fits.

    The owner calls refresh() from time to time.
    """

    def __init__(self, stackstorm: Callable[[], StackStorm]):
        self._stackstorm = stackstorm
        self._listing = Listing([], [])
        self._read_at = float("-inf")
        self._is_expired = True

    def expire(self) -> None:
        """Note that an alias may have changed, so that refresh() reads the aliases again."""
        self._is_expired = True

    def refresh(self) -> None:
        """Read the aliases again if one may have changed, or after MAX_AGE.

        Raises:
            StackStormError: they cannot be read.
        """
        if self._is_expired or time.monotonic() - self._read_at > MAX_AGE:
            self._read()

    def listing(self, max_age: float = float("inf")) -> Listing:
        """Return the aliases; read them again if they were read more than max_age seconds ago."""
        if time.monotonic() - self._read_at > max_age or not self._listing.aliases:
            self._read()
        return self._listing

    def _read(self) -> None:
        now, self._is_expired = time.monotonic(), False
        try:
            self._listing = Listing.of(list(self._stackstorm().aliases()))
        except BaseException:
            self._is_expired = True
            raise
        self._read_at = now
