"""Sends replies and private messages as the token's user."""
from typing import Any, Dict

from hipchat.api.client import Client
from hipchat.api.limits import LONGEST_MESSAGE, check_length

__all__ = ["reply", "send_private"]


def reply(client: Client, room: Any, message_id: str, message: str) -> Dict[str, Any]:
    """Reply to a message: POST /v2/room/{id_or_name}/reply, with the scope send_message.

    Returns:
        The room, the ID of the message, and the text of the reply.
    """
    check_length("message_id", message_id, 1, 36)
    check_length("message", message, 1, LONGEST_MESSAGE)
    client.call("POST", "room", room, "reply", json={
        "parentMessageId": message_id, "message": message})
    return {"room": room, "message_id": message_id, "message": message}


def send_private(client: Client, user: Any, message: str, format: str = "text",
                 notify: bool = False) -> Dict[str, Any]:
    """Send a private message: POST /v2/user/{id_or_email}/message, with the scope send_message.

    Returns:
        The arguments, without the client.
    """
    check_length("user", str(user), 1, 100)
    check_length("message", message, 1, LONGEST_MESSAGE)
    client.call("POST", "user", user, "message", json={
        "message": message, "message_format": format, "notify": notify})
    return {"user": user, "message": message, "format": format, "notify": notify}
