"""Glances: an add-on's lines in the sidebar of a room. The chat page does not show them."""

from typing import Any, Dict

from flask import Blueprint, g, jsonify

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.authorization import CLIENTS, created, done, needs
from sandbox.hipchat_server.models import Room
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("glances", __name__)

PATH = "/room/<id_or_name>/extension/glance"


@blueprint.get(PATH)
@needs("view_room", "admin_room", by=CLIENTS)
def get_all_glances(id_or_name: str) -> Any:
    return jsonify({"items": list(own(group.room(id_or_name)).values())})


@blueprint.put(PATH + "/<key>")
@needs("admin_room", by=CLIENTS)
def put_glance(id_or_name: str, key: str) -> Any:
    fields = json_body(schemas.GLANCE)
    if fields.get("key", key) != key:
        raise ApiError(400, f"Field key must be the key in the path, {key}", field="key")
    room = group.room(id_or_name)
    links = {"self": f"{group.url}/room/{room.id}/extension/glance/{key}"}
    own(room)[key] = {**fields, "key": key, "links": links}
    return created(**own(room)[key])


@blueprint.get(PATH + "/<key>")
@needs("view_room", "admin_room", by=CLIENTS)
def get_glance(id_or_name: str, key: str) -> Any:
    return jsonify(found(group.room(id_or_name), key))


@blueprint.delete(PATH + "/<key>")
@needs("admin_room", by=CLIENTS)
def delete_glance(id_or_name: str, key: str) -> Any:
    room = group.room(id_or_name)
    found(room, key)
    del own(room)[key]
    return done()


@blueprint.post("/addon/ui")
@needs("view_group", by=CLIENTS)
def update_group_glances() -> Any:
    return accept_update()


@blueprint.post("/addon/ui/room/<id_or_name>")
@needs("view_room", by=CLIENTS)
def update_room_glances(id_or_name: str) -> Any:
    group.room(id_or_name)
    return accept_update()


@blueprint.post("/addon/ui/user/<id_or_email>")
@needs("view_group", by=CLIENTS)
def update_user_glances(id_or_email: str) -> Any:
    group.user(id_or_email)
    return accept_update()


def accept_update() -> Any:
    """Check the body of an update; its content is not stored."""
    json_body(schemas.GLANCE_UPDATE)
    return done()


def own(room: Room) -> Dict[str, Dict[str, Any]]:
    """Return the glances of the request's add-on in a room, by key."""
    return room.glances.setdefault(g.token.client.id, {})


def found(room: Room, key: str) -> Dict[str, Any]:
    """Return the add-on's glance with this key, or raise HipChat's 404."""
    if key not in own(room):
        raise not_found("Glance", key)
    return own(room)[key]
