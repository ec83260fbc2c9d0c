"""hipchat.wait_for_message: wait for the next message in a room."""
from typing import Any, List, Optional

from base import HipChatAction, Result
from hipchat.api.next_message import Wanted, wait_for

__all__ = ["WaitForMessageAction"]


class WaitForMessageAction(HipChatAction):
    """GET /v2/room/{id_or_name}/history/latest, again and again, with the scope view_messages."""

    def do(self, room: Optional[str] = None, filter: str = "", people: Optional[List[Any]] = None,
           notifications: bool = False, after: Optional[str] = None, seconds: float = 300,
           every: float = 6) -> Result:
        """{"room", "message": HipChat's message, "matches": what the filter's groups captured}."""
        room = self.room_or_default(room)
        wanted = Wanted(filter, people or [], notifications)
        found = wait_for(self.hipchat, self.people, room, wanted, after, seconds, every)
        return dict(found, room=room)
