"""Gets HipChat's information about a room.

Calls GET /v2/room/{id_or_name}, which needs the scope view_group or view_room.
"""
from typing import Optional

from base import HipChatAction, Result


class GetRoomAction(HipChatAction):
    def do(self, room: Optional[str] = None) -> Result:
        """Return the room as HipChat describes it."""
        return self.hipchat.ask("GET", "room", self.room_or_default(room))
