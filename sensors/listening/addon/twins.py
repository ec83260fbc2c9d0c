"""Events without an id that come by the add-on and by a webhook in the room as well."""
import hashlib
import json
import time
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple

from eventlet.event import Event as Signal

from listening import timing

__all__ = ["Twins"]


class _Single(NamedTuple):
    """What came by one way; kept is sent whether it is on disk."""

    came: float
    by_addon: bool
    kept: Signal


class Twins:
    """Knows the second of two deliveries of one event by different ways.

    While one way takes the place of the other, both deliver. A message is known again by its id;
    of who came or went and of topics there is nothing but the same content by the other way.
    """

    def __init__(self) -> None:
        self._single: "OrderedDict[bytes, List[_Single]]" = OrderedDict()

    def came(self, event: str, item: Dict[str, Any], by_addon: bool) -> Signal:
        """An event came by one way, and is about to be kept; to be sent whether it is."""
        key, single = _key(event, item), _Single(time.monotonic(), by_addon, Signal())
        self._single[key] = self._single.pop(key, []) + [single]
        return single.kept

    def take(self, event: str, item: Dict[str, Any], by_addon: bool) -> bool:
        """Whether the other way brought this before, and it is kept; each that came counts once.

        Waits for one that is on its way to the disk.
        """
        self._forget_old()
        while True:
            came = self._single.get(_key(event, item), [])
            twin = next((each for each in came if each.by_addon != by_addon), None)
            if twin is None:
                return False
            came.remove(twin)
            if twin.kept.wait():
                return True

    def _forget_old(self) -> None:
        long_ago = time.monotonic() - timing.TWINS_KEPT
        while self._single:
            key, came = next(iter(self._single.items()))
            if came and came[-1].came > long_ago:
                return
            del self._single[key]


def _key(event: str, item: Dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps([event, item], sort_keys=True).encode("utf-8")).digest()
