"""hipchat.archive_room: archive a room; its history stays."""
from base import HipChatAction, Result
from hipchat.api.rooms import change_room

__all__ = ["ArchiveRoomAction"]


class ArchiveRoomAction(HipChatAction):
    """GET and PUT /v2/room/{id_or_name}, which need the scopes view_room and admin_room."""

    def do(self, room: str) -> Result:
        """Archive the room; return its new fields, as HipChat names them."""
        return change_room(self.hipchat, self.room_of(room), is_archived=True)
