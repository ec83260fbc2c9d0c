"""Opens an archived room again.

Calls GET and PUT /v2/room/{id_or_name}, which need the scopes view_room and admin_room.
"""
from base import HipChatAction, Result
from hipchat.api.rooms import change_room


class UnarchiveRoomAction(HipChatAction):
    def do(self, room: str) -> Result:
        """Open the room again; return its id, and its fields by HipChat's names."""
        return change_room(self.hipchat, self.room_of(room), is_archived=False)
