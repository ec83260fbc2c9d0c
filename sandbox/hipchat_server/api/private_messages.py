"""Private messages to a person, and their history."""

from typing import Any

from flask import Blueprint, g, jsonify

from sandbox.hipchat_server import history_query, schemas
from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.authorization import USERS, count_message, done, needs
from sandbox.hipchat_server.models import Message
from sandbox.hipchat_server.validation import json_body

blueprint = Blueprint("private_messages", __name__)


@blueprint.post("/user/<id_or_email>/message")
@needs("send_message", by=USERS)
def private_message_user(id_or_email: str) -> Any:
    user = group.user(id_or_email)
    fields = json_body(schemas.PRIVATE_MESSAGE)
    count_message(user.id)
    user.inbox.append(Message(g.token.actor, fields["message"],
                              format=fields.get("message_format", "text")))
    return done()


@blueprint.get("/user/<id_or_email>/history/latest")
@needs("view_messages", by=USERS)
def view_recent_private_history(id_or_email: str) -> Any:
    return jsonify(history_query.latest(group.user(id_or_email).inbox))


@blueprint.get("/user/<id_or_email>/history/<message_id>")
@needs("view_messages")
def get_private_message(id_or_email: str, message_id: str) -> Any:
    return jsonify(history_query.one(group.user(id_or_email).inbox, message_id))
