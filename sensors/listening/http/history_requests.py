"""Has a room's history read after a delivery was refused, so that no message is lost."""
from typing import Callable, Optional

import eventlet

from listening.http.intake import Intake
from listening.http.throttle import Throttle

__all__ = ["HistoryRequests"]


class HistoryRequests:
    """Asks the history poller to read a room's history, because a delivery was refused.

    request_check() asks immediately. request_check_throttled() is for unsigned or truncated
    requests, which anybody can send: it asks for each room at most once in CHECK_THROTTLE. For
    both, room ID None means all rooms.
    """

    def __init__(self, intake: Intake, request_check: Callable[[Optional[int]], None]):
        self._intake, self._request_check = intake, request_check
        self.request_check_throttled = Throttle(self.request_check)

    def request_check(self, room_id: Optional[int]) -> None:
        """Ask for a room's history (None: all rooms') to be read.

        If the spool's disk hangs, do not wait for it, because HipChat waits for the response.
        """
        if self._intake.hangs:
            eventlet.spawn(self._request_check, room_id)
        else:
            self._request_check(room_id)
