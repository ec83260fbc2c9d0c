"""Deletes a room and its history.

Calls DELETE /v2/room/{id_or_name}, which needs the scope manage_rooms.
"""
from base import HipChatAction, Result


class DeleteRoomAction(HipChatAction):
    def do(self, room: str) -> Result:
        """Delete the room; return {"room": the given name or ID}."""
        room = self.room_of(room)
        self.hipchat.call("DELETE", "room", room)
        return {"room": room}
