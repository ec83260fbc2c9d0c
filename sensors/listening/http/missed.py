"""Deliveries that could not be taken: their room's history is read instead."""
from typing import Callable, Optional

import eventlet

from listening.http.intake import Intake
from listening.http.throttle import Throttle

__all__ = ["Missed"]


class Missed:
    """Requests a check of a room of which a delivery was refused for now."""

    def __init__(self, intake: Intake, request_check: Callable[[Optional[int]], None]):
        """Args:
            request_check: called with the room's ID, None where it may be any room.
        """
        self._intake, self._request_check = intake, request_check
        self._rarely = Throttle(self.report)

    def report(self, room_id: Optional[int]) -> None:
        """A delivery of a room was refused for now."""
        if self._intake.hangs:  # the response must not wait for the disk, as this does
            eventlet.spawn(self._request_check, room_id)
        else:
            self._request_check(room_id)

    def report_rarely(self, room_id: Optional[int]) -> None:
        """The same for what anybody can send who knows an address, or less: throttled."""
        self._rarely(room_id)
