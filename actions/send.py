"""Sends a notification to one or several rooms.

Calls POST /v2/room/{id_or_name}/notification, which needs the scope send_notification.
"""
from typing import Any, List, Optional

from base import HipChatAction, Result
from hipchat.api.notifications import notification, notify, notify_all


class SendAction(HipChatAction):
    def do(self, room: Optional[str] = None, rooms: Optional[List[Any]] = None,
           overflow: str = "error", **fields: Any) -> Result:
        """Send the notification; return it with its room, or {"rooms": [that for each room]}."""
        sent = notification(**fields)
        if rooms is None:
            return notify(self.hipchat, self.room_or_default(room), sent, overflow)
        rooms = list(dict.fromkeys(map(self.room_of, ([room] if room else []) + rooms)))
        return notify_all(self.hipchat, rooms, sent, overflow)
