"""hipchat.send: send a notification to a room."""
from base import HipChatAction, check_length

__all__ = ["SendAction"]


class SendAction(HipChatAction):
    """POST /v2/room/{id_or_name}/notification, which needs the scope send_notification."""

    def do(self, message, room=None, format="text", color="gray", notify=False, card=None,
           attach_to=None, **more):
        """Send, and return what was sent and where."""
        room = self.room_or_default(room)
        label = more.get("from")
        check_length("message", message, 1, 10000)
        check_length("from", label, 0, 64)
        check_length("attach_to", attach_to, 0, 36)
        color = "gray" if color == "grey" else color
        self.hipchat.call("POST", "room", room, "notification", json={
            "message": message, "message_format": format, "color": color, "notify": notify,
            "from": label, "card": card, "attach_to": attach_to})
        return {"room": room, "message": message, "format": format, "color": color,
                "notify": notify, "from": label, "card": card, "attach_to": attach_to}
