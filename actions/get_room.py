"""hipchat.get_room: get HipChat's information about a room."""
from typing import Optional

from base import HipChatAction, Result

__all__ = ["GetRoomAction"]


class GetRoomAction(HipChatAction):
    """GET /v2/room/{id_or_name}, which needs the scope view_group or view_room."""

    def do(self, room: Optional[str] = None) -> Result:
        """Return HipChat's room."""
        return self.hipchat.ask("GET", "room", self.room_or_default(room))
