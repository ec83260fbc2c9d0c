"""Posts a message in a room as the token's user.

Calls POST /v2/room/{id_or_name}/message, which needs the scope send_message.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.limits import LONGEST_MESSAGE, check_length


class SendMessageAction(HipChatAction):
    def do(self, message: str, room: Optional[str] = None) -> Result:
        """Post the message; return the room, and the message's id and timestamp."""
        room = self.room_or_default(room)
        check_length("message", message, 1, LONGEST_MESSAGE)
        posted = self.hipchat_as_user.call("POST", "room", room, "message",
                                           json={"message": message})
        return dict(posted if isinstance(posted, dict) else {}, room=room)
