"""Shares a link with a room or a person.

Calls POST /v2/room|user/{id}/share/link, which needs the scope send_message.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.limits import check_length


class ShareLinkAction(HipChatAction):
    def do(self, link: str, room: Optional[str] = None, user: Optional[str] = None,
           message: Optional[str] = None) -> Result:
        """Share the link; return the link, the message, and the room or user."""
        check_length("link", link, 10, 1000)
        check_length("message", message, 0, 1000)
        target = self.room_or_user(room, user)
        self.hipchat_as_user.call("POST", *target, "share", "link", json={
            "link": link, "message": message})
        return {target[0]: target[1], "link": link, "message": message}
