"""Creates a room.

Calls POST /v2/room, which needs the scope manage_rooms.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.rooms import check_room


class CreateRoomAction(HipChatAction):
    def do(self, name: str, topic: Optional[str] = None, privacy: str = "public",
           guest_access: bool = False, owner: Optional[str] = None) -> Result:
        """Create the room; return its id, links and name."""
        check_room(name, topic)
        created = self.hipchat.ask("POST", "room", json={
            "name": name, "topic": topic, "privacy": privacy, "guest_access": guest_access,
            "owner_user_id": owner})
        return dict(created, name=name)
