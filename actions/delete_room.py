"""hipchat.delete_room: delete a room, with all that was said in it."""
from base import HipChatAction, Result

__all__ = ["DeleteRoomAction"]


class DeleteRoomAction(HipChatAction):
    """DELETE /v2/room/{id_or_name}, which needs the scope manage_rooms."""

    def do(self, room: str) -> Result:
        """Delete it; returns which room it was."""
        room = self.room_of(room)
        self.hipchat.call("DELETE", "room", room)
        return {"room": room}
