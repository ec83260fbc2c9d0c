"""hipchat.reply: answer a message in a room as the token's user."""
from base import HipChatAction
from hipchat.limits import LONGEST_MESSAGE, check_length

__all__ = ["ReplyAction"]


class ReplyAction(HipChatAction):
    """POST /v2/room/{id_or_name}/reply, which needs the scope send_message."""

    def do(self, message_id, message, room=None):
        """Answer it; returns the room, the message's id and the answer."""
        room = self.room_or_default(room)
        check_length("message_id", message_id, 1, 36)
        check_length("message", message, 1, LONGEST_MESSAGE)
        self.hipchat_as_user.call("POST", "room", room, "reply", json={
            "parentMessageId": message_id, "message": message})
        return {"room": room, "message_id": message_id, "message": message}
