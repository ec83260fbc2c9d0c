"""Shares a file with a room or a person.

Calls POST /v2/room|user/{id}/share/file, which needs the scope send_message.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.uploads import Upload


class ShareFileAction(HipChatAction):
    def do(self, path: Optional[str] = None, content: Optional[str] = None,
           name: Optional[str] = None, room: Optional[str] = None, user: Optional[str] = None,
           message: Optional[str] = None) -> Result:
        """Share the file; return its name, its size in bytes, the message, and the room or user."""
        target = self.room_or_user(room, user)
        upload = Upload.of(path, content, name)
        body, content_type = upload.body(message)
        self.hipchat_as_user.call("POST", *target, "share", "file", body=body,
                                  content_type=content_type)
        return {target[0]: target[1], "name": upload.name, "size": len(upload.content),
                "message": message}
