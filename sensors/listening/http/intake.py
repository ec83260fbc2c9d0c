"""Stores a received delivery, and queues its room for dispatch."""
from typing import Union

from listening.dispatch.room_queues import RoomQueues
from listening.operations.leadership import Leadership, SoleSensor
from listening.spool import Delivery, Spool

__all__ = ["Intake"]


class Intake:
    """Inserts received deliveries into the spool, and wakes the queue of their room."""

    def __init__(self, spool: Spool, room_queues: RoomQueues,
                 leadership: Union[Leadership, SoleSensor]):
        self._spool, self._room_queues, self._leadership = spool, room_queues, leadership

    @property
    def is_standby(self) -> bool:
        """True if another sensor may be the active one; this sensor then rejects deliveries."""
        return not self._leadership.is_current

    @property
    def hangs(self) -> bool:
        """True while the spool's disk does not answer, when insert() raises SpoolError."""
        return self._spool.hangs

    def insert(self, delivery: Delivery) -> bool:
        """Store a delivery on disk.

        Returns:
            True if the delivery is stored; False for a duplicate, which is dropped.

        Raises:
            SpoolError: the delivery was not stored.
        """
        is_new = self._spool.insert(delivery)
        if is_new:
            self._room_queues.notify(delivery.room_id)
        return is_new
