"""StackStorm's aliases, kept between commands: to read 135 takes longer than to start one."""
import time
from typing import Any, Callable, Dict, List, NamedTuple

from chatops.matching import Format, formats_of
from chatops.stackstorm import StackStorm

__all__ = ["Catalog", "Listing"]

KEPT = 60.0  # seconds, where nothing says that an alias has changed
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
    """The aliases as they were read last, for at most a minute."""

    def __init__(self, stackstorm: Callable[[], StackStorm]):
        self._stackstorm = stackstorm
        self._listing = Listing([], [])
        self._read_at = float("-inf")

    def expire(self) -> None:
        """Read the aliases again when they are needed next."""
        self._read_at = float("-inf")

    def listing(self, kept: float = KEPT) -> Listing:
        """Return the aliases, read again if they were read more than `kept` seconds ago."""
        if time.monotonic() - self._read_at > kept:
            now = time.monotonic()
            self._listing = Listing.of(list(self._stackstorm().aliases()))
            self._read_at = now
        return self._listing
