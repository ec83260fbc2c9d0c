"""Invites a person to a room.

Calls POST /v2/room/{id_or_name}/invite/{id_or_email}, which needs the scope admin_room.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.limits import check_length


class InviteAction(HipChatAction):
    def do(self, user: str, room: Optional[str] = None, reason: Optional[str] = None) -> Result:
        """Invite the user; return {"room": the room's name or ID, "user", "reason"}."""
        room = self.room_or_default(room)
        check_length("user", user, 1, 100)
        check_length("reason", reason, 1, 250)
        self.hipchat_as_user.call("POST", "room", room, "invite", user, json={"reason": reason})
        return {"room": room, "user": user, "reason": reason}
