"""hipchat.get_history: get what was said in a room."""
from base import HipChatAction
from hipchat.errors import ParameterError
from hipchat.history import latest, until

__all__ = ["GetHistoryAction"]


class GetHistoryAction(HipChatAction):
    """GET /v2/room/{id_or_name}/history[/latest], which needs the scope view_messages."""

    def do(self, room=None, limit=100, date=None, end_date=None, timezone="UTC"):
        """{"room", "messages": HipChat's messages, oldest first}."""
        room = self.room_or_default(room)
        if end_date and not date:
            raise ParameterError("end_date without date has no effect in HipChat. Give both.")
        if end_date and timezone != "UTC":
            raise ParameterError(
                "HipChat refuses timezone together with end_date. Leave timezone out and give "
                "both dates with an offset, such as 2018-03-01T12:00:00+01:00.")
        if date:
            messages = until(self.hipchat, room, limit, date, end_date, timezone)
        else:
            messages = latest(self.hipchat, room, limit, timezone=timezone)
        return {"room": room, "messages": messages}
