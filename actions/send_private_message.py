"""hipchat.send_private_message: say something to one person as the token's user."""
from base import HipChatAction
from hipchat.limits import LONGEST_MESSAGE, check_length

__all__ = ["SendPrivateMessageAction"]


class SendPrivateMessageAction(HipChatAction):
    """POST /v2/user/{id_or_email}/message, which needs the scope send_message."""

    def do(self, user, message, format="text", notify=False):
        """Say it; returns what was said to whom."""
        check_length("user", user, 1, 100)
        check_length("message", message, 1, LONGEST_MESSAGE)
        self.hipchat_as_user.call("POST", "user", user, "message", json={
            "message": message, "message_format": format, "notify": notify})
        return {"user": user, "message": message, "format": format, "notify": notify}
