"""Lists the members of a private room.

Calls GET /v2/room/{id_or_name}/member, which needs the scope view_room.
"""
from typing import Optional

from base import HipChatAction, Result


class ListMembersAction(HipChatAction):
    def do(self, room: Optional[str] = None, limit: int = 1000, expand: bool = False) -> Result:
        """Return {"room", "members": HipChat's users}; `expand` adds the users' other fields."""
        room = self.room_or_default(room)
        return {"room": room, "members": list(self.hipchat.items(
            "room", room, "member", limit=limit, expand="items" if expand else None))}
