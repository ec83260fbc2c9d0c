"""Fetches what was missed in a room, and keeps it."""
import json
import time
from typing import Callable, FrozenSet, NamedTuple

from hipchat.api.room_history import Cursor, HistoryItem, RoomHistory
from hipchat.webhook.webhook_url import Address
from listening.context import Context
from listening.spool.arrivals import arrival, of_history
from listening.history.bodies import as_body
from listening.history.holds import Holds
from listening.history.cursors import Cursors
from listening.history.wanted import Wanted
from listening.spool import Arrival
from listening.webhooks.reconciler import WebhookReconciler

__all__ = ["Fetching"]


class Fetched(NamedTuple):
    """What came of a look at a room.

    whole is False if there is more, which is expected by a webhook; kept: how many nobody had
    heard; stale: how many of the others were missed, too, and are too old; begun: whether the room
    was looked at for the first time.
    """

    whole: bool
    kept: int = 0
    stale: int = 0
    begun: bool = False


class Fetching:
    """Goes on from the mark of a room, which says up to which message it is done.

    A room that has none begins with its newest message, and nothing older is dispatched. Nor is
    what was said before it was wanted. What is found goes the way of all deliveries, and what was
    heard before is known by its key.
    """

    def __init__(self, context: Context, cursors: Cursors, holds: Holds, wanted: Wanted,
                 webhooks: WebhookReconciler):
        self._client, self._history = context.client, RoomHistory(context.client)
        self._directory, self._log = context.rooms, context.log
        self._cursors, self._holds, self._wanted = cursors, holds, wanted
        self._webhooks = webhooks

    def fetch(self, number: int, reach: float, is_unheard: Callable[[], bool]) -> Fetched:
        """Keep what was missed, and then move the mark: after a kill in between, all is known.

        reach: how many seconds old it may be; is_unheard: whether what is older was missed, asked
        when the history is there. Raises what HipChat's API, the spool and the marks' file raise.
        """
        mark = self._cursors.get(number)
        if mark is None:
            newest = self._history.newest(number)
            self._cursors.set(number, newest or Cursor("", self._client.now()))
            return Fetched(True, begun=True)
        missed = self._history.since(number, mark)
        if not missed.whole:
            self._log.info("Room %d: more was said since the last look than can be fetched; what "
                           "is older than %s is left out.", number,
                           missed.items[0].body.get("date"))
        begin = max(time.time() - reach, self._holds.forgotten) + self._ahead()
        done = next((place for place, item in enumerate(missed.items) if item.sent_at >= begin),
                    len(missed.items))
        old, fresh = missed.items[:done], missed.items[done:]
        wanted = self._wanted.addresses()
        stale = sum(self._was_wanted(number, item, wanted) for item in old) if is_unheard() else 0
        results = self._holds.put(number, fresh, [
            self._arrival(Address(item.event, number), item)
            if self._was_wanted(number, item, wanted) else None for item in fresh])
        done = len(old) + len(results)
        if done:
            self._cursors.set(number, missed.items[done - 1].cursor)
        return Fetched(done == len(missed.items), results.count(True), stale)

    def _ahead(self) -> float:
        """How many seconds HipChat's clock is ahead of ours."""
        return self._client.now() - time.time()

    def _was_wanted(self, number: int, item: HistoryItem, wanted: FrozenSet[Address]) -> bool:
        """Whether an item is of what is wanted, and was said since it is."""
        address = Address(item.event, number)
        return address in wanted and item.sent_at >= self._wanted.since(address)

    def _arrival(self, address: Address, item: HistoryItem) -> Arrival:
        body = as_body(item, self._directory.room(address.room), self._webhooks.id_of(address))
        arrived = arrival(address.event, address.room, json.dumps(body).encode("utf-8"), body)
        return of_history(arrived, body["item"].get("topic"), item.sent_at - self._ahead())
