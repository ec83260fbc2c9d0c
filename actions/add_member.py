"""Adds a person to a private room.

Calls PUT /v2/room/{id_or_name}/member/{id_or_email}, which needs the scope admin_room.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.limits import check_length


class AddMemberAction(HipChatAction):
    def do(self, user: str, room: Optional[str] = None) -> Result:
        """Add the user; return {"room": the room's name or ID, "user"}."""
        room = self.room_or_default(room)
        check_length("user", user, 1, 100)
        self.hipchat.call("PUT", "room", room, "member", user)
        return {"room": room, "user": user}
