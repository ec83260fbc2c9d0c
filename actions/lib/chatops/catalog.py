"""StackStorm's aliases, kept between commands: to read 135 takes longer than to start one."""
import time
from typing import Any, Callable, Dict, List, NamedTuple

from chatops.matching import Format, formats_of
from chatops.stackstorm import StackStorm

__all__ = ["Catalog", "Listing"]

KEPT = 60.0  # seconds, where StackStorm does not say that an alias has changed
FRESH = 1.0  # seconds after which a command that fits no alias makes it worth reading them again


class Listing(NamedTuple):
    """All aliases, and the formats of those that are enabled."""

    aliases: List[Dict[str, Any]]
    formats: List[Format]

    @classmethod
    def of(cls, aliases: List[Dict[str, Any]]) -> "Listing":
        """Make the formats of these aliases."""
        return cls(aliases, [format for alias in aliases if alias.get("enabled", True)
                             for format in formats_of(alias)])


class Catalog:
    """The aliases as they were read last: a command waits for them only if it fits none.

    refresh() is to be called from time to time.
    """

    def __init__(self, stackstorm: Callable[[], StackStorm]):
        self._stackstorm = stackstorm
        self._listing = Listing([], [])
        self._read_at = float("-inf")
        self._is_expired = True

    def expire(self) -> None:
        """Note that an alias may have changed."""
        self._is_expired = True

    def refresh(self) -> None:
        """Read the aliases again if one may have changed, or if it is time; StackStormError."""
        if self._is_expired or time.monotonic() - self._read_at > KEPT:
            self._read()

    def listing(self, kept: float = float("inf")) -> Listing:
        """Return the aliases, read again if they were read more than `kept` seconds ago."""
        if time.monotonic() - self._read_at > kept or not self._listing.aliases:
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
