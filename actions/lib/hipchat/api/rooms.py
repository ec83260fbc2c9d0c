"""Changes a room. HipChat accepts only a whole room, so the room is read before the change."""
from typing import Any, Dict

from hipchat.api.client import Client, part
from hipchat.errors import ParameterError
from hipchat.api.limits import check_length
from hipchat.text.room_reference import is_room_id

__all__ = ["change_room", "check_room", "room_id_of"]


def room_id_of(client: Client, room: str) -> int:
    """Return the ID of a room given by name or ID; for a name, call GET /v2/room/{name}."""
    return int(room) if is_room_id(room) else part(
        client.ask("GET", "room", room), "id", f"HipChat's answer on the room {room}")


def check_room(name: Any = None, topic: Any = None) -> None:
    """Raise ParameterError if HipChat would reject a room's name or topic; None is not checked."""
    check_length("name", name, 1, 50)
    check_length("topic", topic, 0, 250)


def change_room(client: Client, room: str, **changes: Any) -> Dict[str, Any]:
    """Change some fields of a room.

    Calls GET and PUT /v2/room/{id_or_name}, which need the scopes view_room and admin_room. A
    change that another client makes between the two calls is lost.

    Args:
        changes: the new values by HipChat's name of the field; None leaves a field unchanged.

    Returns:
        The room's fields as they were sent to HipChat, and its id.

    Raises:
        ParameterError: all changes are None.
    """
    changes = {field: value for field, value in changes.items() if value is not None}
    if not changes:
        raise ParameterError("No change is given. Give at least one of the room's fields.")
    present = client.ask("GET", "room", room)
    title = f"HipChat's answer to GET /v2/room/{room}"
    body = dict({"topic": present.get("topic") or ""}, **changes)
    for field in ("name", "privacy", "is_archived", "is_guest_accessible"):
        if field not in body:
            body[field] = part(present, field, title)
    if "owner" not in body:
        body["owner"] = {"id": part(present, "owner.id", title)}
    room_id = part(present, "id", title)
    client.call("PUT", "room", room_id, json=body)
    return dict(body, id=room_id)
