"""Gets one message of a room.

Calls GET /v2/room/{id_or_name}/history/{message_id}, which needs the scope view_messages.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.limits import check_length


class GetMessageAction(HipChatAction):
    def do(self, message_id: str, room: Optional[str] = None) -> Result:
        """Return {"message": HipChat's message}."""
        room = self.room_or_default(room)
        check_length("message_id", message_id, 1, 36)
        return self.hipchat.ask("GET", "room", room, "history", message_id)
