"""Events without an id that come by the add-on and by a webhook in the room as well."""
import hashlib
import json
import time
from collections import OrderedDict
from typing import Any, Dict, List, Tuple

__all__ = ["Twins"]

APART = 60.0  # seconds between the two at most


class Twins:
    """Knows the second of two deliveries of one event by different ways.

    While one way takes the place of the other, both deliver. A message is known again by its id;
    of who came or went and of topics there is nothing but the same content by the other way.
    """

    def __init__(self) -> None:
        self._single: "OrderedDict[bytes, List[Tuple[float, bool]]]" = OrderedDict()

    def came(self, event: str, item: Dict[str, Any], by_addon: bool) -> None:
        """An event came by one way, and is kept."""
        key = _key(event, item)
        self._single[key] = self._single.pop(key, []) + [(time.monotonic(), by_addon)]

    def take(self, event: str, item: Dict[str, Any], by_addon: bool) -> bool:
        """Whether the other way brought this before; each that came counts once."""
        self._forget_old()
        came = self._single.get(_key(event, item), [])
        twin = next((each for each in came if each[1] != by_addon), None)
        if twin:
            came.remove(twin)
        return twin is not None

    def _forget_old(self) -> None:
        long_ago = time.monotonic() - APART
        while self._single:
            key, came = next(iter(self._single.items()))
            if came and came[-1][0] > long_ago:
                return
            del self._single[key]


def _key(event: str, item: Dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps([event, item], sort_keys=True).encode("utf-8")).digest()
