"""Stores a delivery that was received, and lets it be dispatched."""
from listening.dispatch.room_queues import RoomQueues
from listening.spool import Delivery, Spool

__all__ = ["Intake"]


class Intake:
    """The way of a received delivery into the spool."""

    def __init__(self, spool: Spool, room_queues: RoomQueues):
        self._spool, self._room_queues = spool, room_queues

    @property
    def hangs(self) -> bool:
        """Whether the disk has stopped answering, so that nothing is stored."""
        return self._spool.hangs

    def insert(self, delivery: Delivery) -> bool:
        """Return when a delivery is on disk.

        Returns:
            False for a duplicate, which is dropped.

        Raises:
            SpoolError: it was not stored.
        """
        stored = self._spool.insert(delivery)
        if stored:
            self._room_queues.notify(delivery.room_id)
        return stored
