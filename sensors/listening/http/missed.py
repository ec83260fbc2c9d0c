"""Requests that a room's history is read after a delivery was refused, so it is not lost."""
from typing import Callable, Optional

import eventlet

from listening.http.intake import Intake
from listening.http.throttle import Throttle

__all__ = ["Missed"]


class Missed:
    """Lets the history poller read the history of the room whose delivery was refused.

    request_check() requests it immediately. request_check_throttled() is for unsigned or truncated
    requests, which anybody can send: it requests it for each room at most once in CHECK_THROTTLE.
    For both, room_id None means all rooms.
    """

    def __init__(self, intake: Intake, request_check: Callable[[Optional[int]], None]):
        self._intake, self._request_check = intake, request_check
        self.request_check_throttled = Throttle(self.request_check)

    def request_check(self, room_id: Optional[int]) -> None:
        """Request a check of a room's history (None: of all rooms').

        It does not wait for a disk that hangs: HipChat waits for the response.
        """
        if self._intake.hangs:
            eventlet.spawn(self._request_check, room_id)
        else:
            self._request_check(room_id)
