"""Stores a delivery that was received, and lets it be dispatched."""
from listening.dispatch.room_queues import RoomQueues
from listening.history.holds import Holds
from listening.spool import Arrival, Spool

__all__ = ["Intake"]


class Intake:
    """The way of a received delivery into the spool."""

    def __init__(self, spool: Spool, room_queues: RoomQueues, holds: Holds):
        self._spool, self._room_queues, self._holds = spool, room_queues, holds

    @property
    def hangs(self) -> bool:
        """Whether the disk has stopped answering, so that nothing is stored."""
        return self._spool.hangs

    def put(self, arrival: Arrival) -> bool:
        """Return when a delivery is on disk.

        Returns:
            False for a duplicate, which is dropped.

        Raises:
            SpoolError: it was not stored.
        """
        with self._holds.arriving(arrival):
            stored = self._spool.put(arrival)
        if stored:
            self._room_queues.notify(arrival.lane)
        return stored
