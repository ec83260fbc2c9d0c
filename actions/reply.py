"""hipchat.reply: answer a message in a room as the token's user."""
from base import HipChatAction
from hipchat.api.messages import reply

__all__ = ["ReplyAction"]


class ReplyAction(HipChatAction):
    """POST /v2/room/{id_or_name}/reply, which needs the scope send_message."""

    def do(self, message_id, message, room=None):
        """Answer it; returns the room, the message's id and the answer."""
        return reply(self.hipchat_as_user, self.room_or_default(room), message_id, message)
