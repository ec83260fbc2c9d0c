"""The action hipchat.delete_room: delete a room and its history."""
from base import HipChatAction, Result

__all__ = ["DeleteRoomAction"]


class DeleteRoomAction(HipChatAction):
    """Deletes a room and its history.

    Calls DELETE /v2/room/{id_or_name}, which needs the scope manage_rooms.
    """

    def do(self, room: str) -> Result:
        """Delete the room; return {"room": the given name or ID}."""
        room = self.room_of(room)
        self.hipchat.call("DELETE", "room", room)
        return {"room": room}
