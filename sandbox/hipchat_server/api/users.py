"""People: list, get, and private messages to them."""

from typing import Any

from flask import Blueprint, g, jsonify

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import group, shapes
from sandbox.hipchat_server.guard import count_message, done, needs
from sandbox.hipchat_server.models import Message
from sandbox.hipchat_server.paging import page
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("users", __name__)


@blueprint.get("/user")
@needs("view_group")
def get_all_users() -> Any:
    return jsonify(page(list(group.users.values()), shapes.user_ref, shapes.user))


@blueprint.get("/user/<id_or_email>")
@needs("view_group")
def view_user(id_or_email: str) -> Any:
    return jsonify(shapes.user(group.user(id_or_email)))


@blueprint.post("/user/<id_or_email>/message")
@needs("send_message")
def private_message_user(id_or_email: str) -> Any:
    user = group.user(id_or_email)
    fields = json_body(schemas.PRIVATE_MESSAGE)
    count_message(user.id)
    user.inbox.append(Message(g.token.actor, fields["message"],
                              format=fields.get("message_format", "text")))
    return done()
