"""Recognizes deliveries that another sensor dispatched before this sensor took over."""
import time
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

from hipchat.events import message_id
from listening import timing
from listening.single_flight import SingleFlight

__all__ = ["DispatchedBefore", "Stored"]

Key = Tuple[str, Any, str]  # HipChat's event, room ID, and message ID or topic


class Stored(NamedTuple):
    """A trigger instance (one past dispatch) in StackStorm's database; stored_at is Unix time."""

    stored_at: float
    payload: Dict[str, Any]


class DispatchedBefore:
    """Finds in StackStorm's database what each trigger received before this sensor took over.

    The history cursors in the datastore lag behind the dispatches of the lost sensor, so reading
    the history after a takeover returns some messages that the lost sensor dispatched. A message is
    identified by its ID. A topic change is identified by the new topic and the time of its
    dispatch, because it has no ID in a webhook.
    """

    def __init__(self, dispatched_since: Callable[[str, float], Iterable[Stored]],
                 now: Callable[[], float], reach: float):
        """Args:
            dispatched_since: returns the stored instances of a trigger; called with the trigger's
                ref and a Unix time, the earliest to return; raises ServiceUnavailable.
            now: returns Unix time by HipChat's clock.
            reach: the age of the oldest message that is read from the history, in seconds.
        """
        self._dispatched_since, self._now = dispatched_since, now
        self._taken_over_at = time.time()
        self._since = self._taken_over_at - reach - timing.TAKEOVER_CLOCK_MARGIN
        self._stored_at: Dict[str, Dict[Key, List[float]]] = {}  # by trigger ref
        # One read takes seconds, and all rooms' queues need it at the same time.
        self._reads: Dict[str, SingleFlight] = {}

    def has(self, trigger_ref: str, payload: Dict[str, Any], sent_at: float) -> bool:
        """Return whether a trigger received the message in this payload before the takeover.

        Args:
            sent_at: when the message was sent (Unix time, HipChat's clock).

        Raises:
            ServiceUnavailable: StackStorm's database does not answer.
        """
        sent_at -= self._now() - time.time()
        if sent_at > self._taken_over_at + timing.TAKEOVER_CLOCK_MARGIN:
            return False
        if trigger_ref not in self._stored_at:
            self._reads.setdefault(trigger_ref, SingleFlight(lambda: self._read(trigger_ref)))()
        times = self._stored_at[trigger_ref].get(_key(payload), [])
        if message_id(payload):
            return bool(times)
        return any(abs(stored_at - sent_at) <= timing.TAKEOVER_CLOCK_MARGIN for stored_at in times)

    def _read(self, trigger_ref: str) -> None:
        found: Dict[Key, List[float]] = {}
        for stored in self._dispatched_since(trigger_ref, self._since):
            found.setdefault(_key(stored.payload), []).append(stored.stored_at)
        self._stored_at[trigger_ref] = found


def _key(payload: Dict[str, Any]) -> Key:
    item = payload.get("item") or {}
    room = item.get("room") or {}
    return (str(payload.get("event")), room.get("id"),
            message_id({"item": item}) or str(item.get("topic", "")))
