"""Changes to rooms: HipChat takes only whole rooms."""
from typing import Any, Dict

from hipchat.api.responses import part
from hipchat.api.client import Client
from hipchat.errors import ParameterError
from hipchat.api.limits import check_length
from hipchat.text.room_reference import is_room_id

__all__ = ["change_room", "check_room", "room_id_of"]


def room_id_of(client: Client, room: str) -> int:
    """Return the ID of a room, given by name or ID; GET /v2/room/{name} for a name."""
    return int(room) if is_room_id(room) else part(
        client.ask("GET", "room", room), "id", f"HipChat's answer on the room {room}")


def check_room(name: Any = None, topic: Any = None) -> None:
    """Raise ParameterError unless HipChat takes the name and the topic; None for not given."""
    check_length("name", name, 1, 50)
    check_length("topic", topic, 0, 250)


def change_room(client: Client, room: str, **changes: Any) -> Dict[str, Any]:
    """Change some of a room's fields, and return those that HipChat was sent, with its id.

    GET and PUT /v2/room/{id_or_name}, with the scopes view_room and admin_room. A change that
    somebody else makes between the two calls is lost.
    """
    changes = {field: value for field, value in changes.items() if value is not None}
    if not changes:
        raise ParameterError("Nothing is to be changed. Give at least one of the room's fields.")
    found = client.ask("GET", "room", room)
    where = f"HipChat's answer to GET /v2/room/{room}"
    body = dict({"topic": found.get("topic") or ""}, **changes)
    for field in ("name", "privacy", "is_archived", "is_guest_accessible"):
        if field not in body:
            body[field] = part(found, field, where)
    if "owner" not in body:
        body["owner"] = {"id": part(found, "owner.id", where)}
    room_id = part(found, "id", where)
    client.call("PUT", "room", room_id, json=body)
    return dict(body, id=room_id)
