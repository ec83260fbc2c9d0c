"""Requests a history check of a room after a delivery was refused."""
from typing import Callable, Optional

import eventlet

from listening.http.intake import Intake
from listening.http.throttle import Throttle

__all__ = ["Missed"]


class Missed:
    """Calls request_check(room_id) for refused deliveries; room_id None means any room.

    request_check_throttled() is for unsigned or truncated requests, which anybody can send.
    """

    def __init__(self, intake: Intake, request_check: Callable[[Optional[int]], None]):
        self._intake, self._request_check = intake, request_check
        self.request_check_throttled = Throttle(self.request_check)

    def request_check(self, room_id: Optional[int]) -> None:
        """Request a check without waiting for a disk that hangs."""
        if self._intake.hangs:
            eventlet.spawn(self._request_check, room_id)
        else:
            self._request_check(room_id)
