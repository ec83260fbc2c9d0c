"""Posts to a room: notifications, messages and replies."""

from typing import Any, Dict

from flask import Blueprint, g, jsonify, request

from sandbox.hipchat_server import schemas
from sandbox.hipchat_server.context import events, group
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.authorization import USERS, count_message, done, needs
from sandbox.hipchat_server.validation import form_or_json_body, json_body, validate

blueprint = Blueprint("messages", __name__)

PLAIN_BODIES = {"text/plain": "text", "text/html": "html"}


@blueprint.post("/room/<id_or_name>/notification")
@needs("send_notification")
def send_notification(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    fields = notification_fields()
    count_message(room.id)
    events.notification(room, g.token.actor, fields)
    return done()


@blueprint.post("/room/<id_or_name>/message")
@needs("send_message", by=USERS)
def send_message(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    text = json_body(schemas.MESSAGE)["message"]
    count_message(room.id)
    message = events.message(room, g.token.actor, text)
    return jsonify({"id": message.id, "timestamp": message.date.isoformat()}), 201


@blueprint.post("/room/<id_or_name>/reply")
@needs("send_message", by=USERS)
def reply_to_message(id_or_name: str) -> Any:
    room = group.room(id_or_name)
    fields = json_body(schemas.REPLY)
    parent = fields.get("parentMessageId") or fields.get("parent_message_id")
    if not parent:
        raise ApiError(400, "Required field 'parentMessageId' is missing", field="parentMessageId",
                       validation="required")
    if not any(message.id == parent for message in room.history):
        raise not_found("Message", parent)
    count_message(room.id)
    events.message(room, g.token.actor, fields["message"], attach_to=parent)
    return done()


def notification_fields() -> Dict[str, Any]:
    """Return a notification's fields, from JSON, a form, plain text or HTML."""
    if request.mimetype in PLAIN_BODIES:
        fields = {"message": request.get_data(as_text=True),
                  "message_format": PLAIN_BODIES[request.mimetype]}
        return validate(fields, schemas.NOTIFICATION)
    return form_or_json_body(schemas.NOTIFICATION)
