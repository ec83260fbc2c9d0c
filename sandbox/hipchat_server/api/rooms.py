"""Rooms: list, create, get, update, delete, and their topic."""

from typing import Any, Set

from flask import Blueprint, g, jsonify, request

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import events, group, serializer
from sandbox.hipchat_server.errors import ApiError
from sandbox.hipchat_server.authorization import GROUP_WIDE, created, done, needs
from sandbox.hipchat_server.paging import page
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("rooms", __name__)


@blueprint.get("/room")
@blueprint.get("/room/")  # without a view for POST, which is a 405
@needs("view_group", "view_room", by=GROUP_WIDE)
def get_all_rooms() -> Any:
    hidden: Set[int] = set()
    if request.args.get("include-archived") != "true":
        hidden.update(room.id for room in group.rooms.values() if room.is_archived)
    if request.args.get("include-private") == "false":
        hidden.update(room.id for room in group.rooms.values() if room.privacy == "private")
    rooms = [room for room in group.rooms.values() if room.id not in hidden]
    return jsonify(page(rooms, serializer.room_ref, serializer.room))


@blueprint.post("/room")
@needs("manage_rooms", by=GROUP_WIDE)
def create_room() -> Any:
    fields = json_body(schemas.NEW_ROOM)
    owner = fields.get("owner_user_id")
    room = group.add_room(fields["name"], group.user(str(owner)) if owner else g.token.owner)
    room.topic = fields.get("topic", "")
    room.privacy = fields.get("privacy", "public")
    room.is_guest_accessible = fields.get("guest_access", False)
    events.created(room, g.token.actor)
    return created(serializer.room_ref(room)["links"], id=room.id)


@blueprint.get("/room/<id_or_name>")
@needs("view_group", "view_room")
def get_room(id_or_name: str) -> Any:
    return jsonify(serializer.room(group.room(id_or_name)))


@blueprint.get("/room/<id_or_name>/statistics")
@needs("view_group", "view_room")
def get_room_statistics(id_or_name: str) -> Any:
    return jsonify(serializer.statistics(group.room(id_or_name)))


@blueprint.put("/room/<id_or_name>")
@needs("admin_room", by=GROUP_WIDE)
def update_room(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    fields = json_body(schemas.ROOM)
    if any(other.name == fields["name"] for other in group.rooms.values() if other is not room):
        raise ApiError(409, "Another room exists with that name.")
    room.owner = group.user(str(fields["owner"]["id"]))
    room.name, room.privacy = fields["name"], fields["privacy"]
    room.is_guest_accessible = fields["is_guest_accessible"]
    if fields["topic"] != room.topic:
        events.topic_change(room, g.token.actor, fields["topic"])
    if fields["is_archived"] != room.is_archived:
        change = events.archived if fields["is_archived"] else events.unarchived
        change(room, g.token.actor)
    return done()


@blueprint.delete("/room/<id_or_name>")
@needs("manage_rooms", by=GROUP_WIDE)
def delete_room(id_or_name: str) -> Any:
    events.deleted(group.room(id_or_name), g.token.actor)
    return done()


@blueprint.put("/room/<id_or_name>/topic")
@needs("admin_room")
def set_topic(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    events.topic_change(room, g.token.actor, json_body(schemas.TOPIC)["topic"])
    return done()
