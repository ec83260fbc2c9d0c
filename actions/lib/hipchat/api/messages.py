"""What the token's user says: replies in rooms, and private messages."""
from typing import Any, Dict

from hipchat.api.client import Client
from hipchat.api.limits import LONGEST_MESSAGE, check_length

__all__ = ["reply", "send_private"]


def reply(client: Client, room: Any, message_id: str, message: str) -> Dict[str, Any]:
    """POST /v2/room/{id_or_name}/reply, with the scope send_message; return the message."""
    check_length("message_id", message_id, 1, 36)
    check_length("message", message, 1, LONGEST_MESSAGE)
    client.call("POST", "room", room, "reply", json={
        "parentMessageId": message_id, "message": message})
    return {"room": room, "message_id": message_id, "message": message}


def send_private(client: Client, user: Any, message: str, format: str = "text",
                 notify: bool = False) -> Dict[str, Any]:
    """POST /v2/user/{id_or_email}/message, with the scope send_message; return the message."""
    check_length("user", str(user), 1, 100)
    check_length("message", message, 1, LONGEST_MESSAGE)
    client.call("POST", "user", user, "message", json={
        "message": message, "message_format": format, "notify": notify})
    return {"user": user, "message": message, "format": format, "notify": notify}
