"""hipchat.get_history: get what was said in a room."""
from base import HipChatAction
from hipchat.api.client import PAGE
from hipchat.errors import ParameterError

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
        messages = (self._until(room, limit, date, end_date, timezone) if date else
                    self._latest(room, limit, timezone))
        return {"room": room, "messages": messages}

    def _latest(self, room, limit, timezone):
        """The newest messages: up to `limit`, at most 1,000."""
        if limit > PAGE:
            raise ParameterError("HipChat gives the latest {} messages only, not {}. For more, "
                                 "give the date up to which you want them.".format(PAGE, limit))
        return self.hipchat.page("room", room, "history", "latest",
                                 **{"timezone": timezone, "max-results": limit})["items"]

    def _until(self, room, limit, date, end_date, timezone):
        """The newest messages up to a date: up to `limit`, none before end_date."""
        # HipChat answers 401 to both.
        either = {"end-date": end_date} if end_date else {"timezone": timezone}
        found = self.hipchat.items(
            "room", room, "history", limit=limit, date=date, reverse="false", **either)
        return list(found)[::-1]
