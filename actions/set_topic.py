"""Sets the topic of a room.

Calls PUT /v2/room/{id_or_name}/topic, which needs the scope admin_room.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.api.rooms import check_room


class SetTopicAction(HipChatAction):
    def do(self, topic: str, room: Optional[str] = None) -> Result:
        """Set the topic; return {"room": the room's name or ID, "topic"}."""
        room = self.room_or_default(room)
        check_room(topic=topic)
        self.hipchat.call("PUT", "room", room, "topic", json={"topic": topic})
        return {"room": room, "topic": topic}
