"""Has a room's history read when one of its deliveries was refused."""
from typing import Callable, Optional

import eventlet

from listening.http.intake import Intake
from listening.http.throttle import Throttle

__all__ = ["Missed"]


class Missed:
    """Calls `request_check(room_id)` when a delivery was refused for now."""

    def __init__(self, intake: Intake, request_check: Callable[[Optional[int]], None]):
        """Args:
            request_check: called with the room's ID, None if it may be any room.
        """
        self._intake, self._request_check = intake, request_check
        self._throttled = Throttle(self.report)

    def report(self, room_id: Optional[int]) -> None:
        """Have a room checked."""
        if self._intake.hangs:  # request_check waits for the disk; the response must not
            eventlet.spawn(self._request_check, room_id)
        else:
            self._request_check(room_id)

    def report_throttled(self, room_id: Optional[int]) -> None:
        """Have a room checked, throttled: for unsigned or truncated requests, which anybody can
        send."""
        self._throttled(room_id)
