"""The action hipchat.unarchive_room: open an archived room again."""
from base import HipChatAction, Result
from hipchat.api.rooms import change_room

__all__ = ["UnarchiveRoomAction"]


class UnarchiveRoomAction(HipChatAction):
    """Opens an archived room again.

    Calls GET and PUT /v2/room/{id_or_name}, which need the scopes view_room and admin_room.
    """

    def do(self, room: str) -> Result:
        """Open the room again; return its id, and its fields by HipChat's names."""
        return change_room(self.hipchat, self.room_of(room), is_archived=False)
