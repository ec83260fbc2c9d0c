"""Changes a room's name, topic, privacy, guest access or owner.

Calls GET and PUT /v2/room/{id_or_name}, which need the scopes view_room and admin_room.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.rooms import change_room, check_room


class UpdateRoomAction(HipChatAction):
    def do(self, room: str, name: Optional[str] = None, topic: Optional[str] = None,
           privacy: Optional[str] = None, guest_access: Optional[bool] = None,
           owner: Optional[str] = None) -> Result:
        """Change the fields that are not None; return the id, and all fields by HipChat's names."""
        check_room(name, topic)
        return change_room(self.hipchat, self.room_of(room), name=name, topic=topic,
                           privacy=privacy, is_guest_accessible=guest_access,
                           owner={"id": owner} if owner else None)
