"""Waits for the next message in a room.

Polls GET /v2/room/{id_or_name}/history/latest, which needs the scope view_messages.
"""
from typing import Any, List, Optional

from base import HipChatAction, Result
from hipchat.api.next_message import Criteria, wait_for


class WaitForMessageAction(HipChatAction):
    def do(self, room: Optional[str] = None, filter: str = "", people: Optional[List[Any]] = None,
           notifications: bool = False, after: Optional[str] = None, seconds: float = 300,
           every: float = 6) -> Result:
        """Return {"room", "message": HipChat's message, "matches": the filter's groups}."""
        room = self.room_or_default(room)
        criteria = Criteria(filter, people or [], notifications)
        return dict(wait_for(self.hipchat, self.people, room, criteria, after, seconds, every),
                    room=room)
