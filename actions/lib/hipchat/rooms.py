"""Changes to rooms: HipChat takes only whole rooms."""
from typing import Any, Dict

from hipchat.client import Client
from hipchat.errors import ParameterError
from hipchat.limits import check_length

__all__ = ["change_room", "check_room"]


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
    found = client.call("GET", "room", room)
    body = {"name": found["name"], "topic": found.get("topic") or "",
            "privacy": found["privacy"], "is_archived": found["is_archived"],
            "is_guest_accessible": found["is_guest_accessible"],
            "owner": {"id": found["owner"]["id"]}}
    body.update(changes)
    client.call("PUT", "room", found["id"], json=body)
    return dict(body, id=found["id"])
