"""Sends a private message as the token's user.

Calls POST /v2/user/{id_or_email}/message, which needs the scope send_message.
"""
from base import HipChatAction, Result
from hipchat.api.messages import send_private


class SendPrivateMessageAction(HipChatAction):
    def do(self, user: str, message: str, format: str = "text", notify: bool = False) -> Result:
        """Send the message; return {"user", "message", "format", "notify"} as they were given."""
        return send_private(self.hipchat_as_user, user, message, format, notify)
