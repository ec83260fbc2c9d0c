"""Lists the people in a room.

Calls GET /v2/room/{id_or_name}/participant, which needs the scope view_group or view_room.
"""
from typing import Optional

from base import HipChatAction, Result


class ListParticipantsAction(HipChatAction):
    def do(self, room: Optional[str] = None, limit: int = 1000, include_offline: bool = False,
           expand: bool = False) -> Result:
        """Return {"room", "participants": HipChat's users}; `expand` adds their other fields."""
        room = self.room_or_default(room)
        return {"room": room, "participants": list(self.hipchat.items(
            "room", room, "participant", limit=limit, **{
                "include-offline": str(include_offline).lower(),
                "expand": "items" if expand else None}))}
