"""The members and participants of a room, and invitations to it."""

from typing import Any

from flask import Blueprint, g, jsonify

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import group, serializer
from sandbox.hipchat_server.authorization import USERS, done, needs
from sandbox.hipchat_server.models import Message
from sandbox.hipchat_server.paging import page
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("members", __name__)


@blueprint.get("/room/<id_or_name>/member")
@needs("view_room", "admin_room")
def get_all_members(id_or_name: str) -> Any:
    members = list(group.room(id_or_name).members.values())
    return jsonify(page(members, serializer.user_ref, serializer.user))


@blueprint.put("/room/<id_or_name>/member/<id_or_email>")
@needs("admin_room")
def add_member(id_or_name: str, id_or_email: str) -> Any:
    room, user = group.room(id_or_name), group.user(id_or_email)
    room.members[user.id] = user
    return done()


@blueprint.delete("/room/<id_or_name>/member/<id_or_email>")
@needs("admin_room")
def remove_member(id_or_name: str, id_or_email: str) -> Any:
    room, user = group.room(id_or_name), group.user(id_or_email)
    room.members.pop(user.id, None)
    return done()


@blueprint.get("/room/<id_or_name>/participant")
@needs("view_group", "view_room")
def get_all_participants(id_or_name: str) -> Any:
    participants = list(group.room(id_or_name).participants.values())
    return jsonify(page(participants, serializer.user_ref, serializer.user))


@blueprint.post("/room/<id_or_name>/invite/<id_or_email>")
@needs("admin_room", by=USERS)
def invite_user(id_or_name: str, id_or_email: str) -> Any:
    room, user = group.room(id_or_name), group.user(id_or_email)
    reason = json_body(schemas.INVITATION).get("reason", "")
    text = f"You are invited to {room.name}. {reason}"
    user.inbox.append(Message(g.token.actor, text.strip(), type="invitation"))
    return done()
