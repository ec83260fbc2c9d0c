"""Replies to a message in a room.

Calls POST /v2/room/{id_or_name}/reply, which needs the scope send_message.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.messages import reply


class ReplyAction(HipChatAction):
    def do(self, message_id: str, message: str, room: Optional[str] = None) -> Result:
        """Send the reply; return {"room", "message_id", "message": the reply's text}."""
        return reply(self.hipchat_as_user, self.room_or_default(room), message_id, message)
