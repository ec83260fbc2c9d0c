"""Takes deliveries in, or has the history read in which a refused delivery can be found."""
from typing import Callable, Dict, Optional, Union

import eventlet

from listening import timing
from listening.dispatch.room_queues import RoomQueues
from listening.operations.leadership import Leadership, SoleSensor
from listening.spool import Delivery, Spool

__all__ = ["Intake"]


class Intake:
    """Decides whether this sensor accepts deliveries now, and stores them.

    A check that refuses a delivery calls request_check(), so that the message is read from the
    history of its room. request_check_throttled() is for unsigned or truncated requests, which
    anybody can send. For both, room ID None means all rooms.

    Attributes:
        is_open: set to True once deliveries can be stored, and to False when the sensor stops.
    """

    def __init__(self, spool: Spool, room_queues: RoomQueues,
                 leadership: Union[Leadership, SoleSensor],
                 request_check: Callable[[Optional[int]], None]):
        """Args:
            request_check: reads a room's history soon; may wait for the spool's disk.
        """
        self._spool, self._room_queues, self._leadership = spool, room_queues, leadership
        self._request_check = request_check
        self._is_repeated: Dict[Optional[int], bool] = {}  # rooms checked in CHECK_THROTTLE
        self.is_open = False

    @property
    def is_standby(self) -> bool:
        """True if another sensor may be the active one; this sensor then rejects deliveries."""
        return not self._leadership.is_current

    @property
    def accepts(self) -> bool:
        """True if deliveries are accepted now: this sensor is active, and its disk answers."""
        return self.is_open and not self.is_standby and not self._spool.hangs

    def insert(self, delivery: Delivery) -> bool:
        """Store a delivery on disk, and wake the queue of its room.

        Returns:
            True if the delivery is stored; False for a duplicate, which is dropped.

        Raises:
            SpoolError: the delivery was not stored.
        """
        is_new = self._spool.insert(delivery)
        if is_new:
            self._room_queues.notify(delivery.room_id)
        return is_new

    def request_check(self, room_id: Optional[int]) -> None:
        """Have a room's history read. Do not wait for a disk that hangs, as HipChat waits."""
        if self._spool.hangs:
            eventlet.spawn(self._request_check, room_id)
        else:
            self._request_check(room_id)

    def request_check_throttled(self, room_id: Optional[int]) -> None:
        """Have a room's history read at most once in CHECK_THROTTLE.

        The first call is immediate. All further calls within CHECK_THROTTLE become one call, at the
        end of that time.
        """
        if room_id in self._is_repeated:
            self._is_repeated[room_id] = True
            return
        self._is_repeated[room_id] = False
        eventlet.spawn_after(timing.CHECK_THROTTLE, self._end_interval, room_id)
        self.request_check(room_id)

    def _end_interval(self, room_id: Optional[int]) -> None:
        if self._is_repeated.pop(room_id):
            self.request_check_throttled(room_id)
