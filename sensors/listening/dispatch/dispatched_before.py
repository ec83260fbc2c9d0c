"""Recognizes deliveries that another sensor dispatched before this one took over."""
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

from listening import timing
from listening.single_flight import SingleFlight

__all__ = ["DispatchedBefore", "Stored"]

Key = Tuple[str, Any, str]  # HipChat's event, room ID, and message ID or topic


class Stored(NamedTuple):
    """A trigger instance as StackStorm has stored it; stored_at is Unix time."""

    stored_at: float
    payload: Dict[str, Any]


class DispatchedBefore:
    """Knows, for each trigger, the messages that it was dispatched with before the takeover.

    The cursors in the datastore lag behind the dispatches of the lost sensor, so the backfill after
    a takeover returns some messages again. A message is identified by its ID. A topic change has
    no ID in a webhook: it is identified by its text and the time of its dispatch.

    Args:
        stored: returns the trigger instances of a trigger (its ref) since a Unix time; raises
            ServiceUnavailable.
        now: returns Unix time by HipChat's clock.
        reach: the age of the oldest message that a backfill returns, in seconds.
    """

    def __init__(self, stored: Callable[[str, float], Iterable[Stored]], now: Callable[[], float],
                 reach: float):
        self._stored, self._now = stored, now
        self._taken_over_at = time.time()
        self._since = self._taken_over_at - reach - timing.TAKEOVER_CLOCK_MARGIN
        self._known: Dict[str, Dict[Key, List[float]]] = {}
        self._reads: Dict[str, SingleFlight] = {}  # all rooms ask at once, and it takes seconds

    def has(self, trigger: str, payload: Dict[str, Any], sent_at: float) -> bool:
        """Return whether a trigger (its ref) was dispatched with the message of this payload.

        Args:
            sent_at: when the message was sent (Unix time, HipChat's clock).
        """
        sent_at -= self._now() - time.time()
        if sent_at > self._taken_over_at + timing.TAKEOVER_CLOCK_MARGIN:
            return False
        if trigger not in self._known:
            self._reads.setdefault(trigger, SingleFlight(lambda: self._read(trigger)))()
        key = _key(payload)
        times = self._known[trigger].get(key, [])
        if _message_id(payload):
            return bool(times)
        return any(abs(stored_at - sent_at) <= timing.TAKEOVER_CLOCK_MARGIN for stored_at in times)

    def _read(self, trigger: str) -> None:
        known: Dict[Key, List[float]] = {}
        for stored in self._stored(trigger, self._since):
            known.setdefault(_key(stored.payload), []).append(stored.stored_at)
        self._known[trigger] = known


def _key(payload: Dict[str, Any]) -> Key:
    item = payload.get("item") or {}
    room = item.get("room") or {}
    return (str(payload.get("event")), room.get("id"),
            _message_id(payload) or str(item.get("topic", "")))


def _message_id(payload: Dict[str, Any]) -> str:
    message = (payload.get("item") or {}).get("message")
    return str(message.get("id") or "") if isinstance(message, dict) else ""
