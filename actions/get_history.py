"""Gets a room's messages.

Calls GET /v2/room/{id_or_name}/history[/latest], which needs the scope view_messages.
"""
from typing import Any, Dict, Optional

from base import HipChatAction, Result
from hipchat.api.client import PAGE
from hipchat.errors import ParameterError


class GetHistoryAction(HipChatAction):
    def do(self, room: Optional[str] = None, limit: int = 100, date: Optional[str] = None,
           end_date: Optional[str] = None, timezone: str = "UTC") -> Result:
        """Return {"room", "messages": HipChat's messages, oldest first}."""
        room = self.room_or_default(room)
        if end_date and not date:
            raise ParameterError("end_date without date has no effect in HipChat. Give both.")
        if end_date and timezone != "UTC":
            raise ParameterError(
                "HipChat refuses timezone together with end_date. Leave timezone out and give "
                "both dates with an offset, such as 2018-03-01T12:00:00+01:00.")
        if date:
            # HipChat answers 401 to a call with both end-date and timezone.
            option: Dict[str, Any] = {"end-date": end_date} if end_date else {"timezone": timezone}
            newest_first = self.hipchat.items(
                "room", room, "history", limit=limit, date=date, reverse="false", **option)
            return {"room": room, "messages": list(newest_first)[::-1]}
        if limit > PAGE:
            raise ParameterError(f"Without date, HipChat returns at most {PAGE} messages, not "
                                 f"{limit}. For more, give a date.")
        page = self.hipchat.page("room", room, "history", "latest",
                                 **{"timezone": timezone, "max-results": limit})
        return {"room": room, "messages": page["items"]}
