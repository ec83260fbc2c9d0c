"""Sends a reply to a room message, or a private message to a user.

HipChat shows either message as written by the owner of the API token.
"""
from typing import Any, Dict

from hipchat.api.client import Client
from hipchat.api.limits import LONGEST_MESSAGE, check_length

__all__ = ["reply", "send_private"]


def reply(client: Client, room: Any, message_id: str, message: str) -> Dict[str, Any]:
    """Reply to a message with a user's client, and return the other arguments.

    Calls POST /v2/room/{id_or_name}/reply, which needs the scope send_message.
    """
    check_length("message_id", message_id, 1, 36)
    check_length("message", message, 1, LONGEST_MESSAGE)
    client.call("POST", "room", room, "reply", json={
        "parentMessageId": message_id, "message": message})
    return {"room": room, "message_id": message_id, "message": message}


def send_private(client: Client, user: Any, message: str, format: str = "text",
                 notify: bool = False) -> Dict[str, Any]:
    """Send a private message: POST /v2/user/{id_or_email}/message; needs the scope send_message.

    Args:
        client: must have a user's token.
        user: the ID, email or @mention of the recipient.
        format: "text" or "html".
        notify: whether HipChat alerts the recipient.

    Returns:
        The arguments, without the client.
    """
    check_length("user", str(user), 1, 100)
    check_length("message", message, 1, LONGEST_MESSAGE)
    client.call("POST", "user", user, "message", json={
        "message": message, "message_format": format, "notify": notify})
    return {"user": user, "message": message, "format": format, "notify": notify}
