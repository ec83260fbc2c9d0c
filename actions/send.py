"""hipchat.send: send a notification to a room, or to several."""
from typing import Any, List, Optional

from base import HipChatAction, Result
from hipchat.api.notifications import notification, notify, notify_all

__all__ = ["SendAction"]


class SendAction(HipChatAction):
    """POST /v2/room/{id_or_name}/notification, which needs the scope send_notification."""

    def do(self, room: Optional[str] = None, rooms: Optional[List[Any]] = None,
           overflow: str = "error", **fields: Any) -> Result:
        """Send, and return what was sent and where; for `rooms` a result or an error of each."""
        sent = notification(**fields)
        if rooms is None:
            return notify(self.hipchat, self.room_or_default(room), sent, overflow)
        rooms = list(dict.fromkeys(map(self.room_of, ([room] if room else []) + rooms)))
        return notify_all(self.hipchat, rooms, sent, overflow)
