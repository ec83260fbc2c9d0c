"""What was said in a room before."""

from typing import Any

from flask import Blueprint, jsonify

from sandbox.hipchat_server import past
from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.guard import needs

blueprint = Blueprint("history", __name__)


@blueprint.get("/room/<id_or_name>/history")
@needs("view_messages")
def view_room_history(id_or_name: str) -> Any:
    return jsonify(past.up_to_a_date(group.room(id_or_name).history))


@blueprint.get("/room/<id_or_name>/history/latest")
@needs("view_messages")
def view_recent_room_history(id_or_name: str) -> Any:
    return jsonify(past.latest(group.room(id_or_name).history))


@blueprint.get("/room/<id_or_name>/history/<message_id>")
@needs("view_messages")
def get_room_message(id_or_name: str, message_id: str) -> Any:
    return jsonify(past.one(group.room(id_or_name).history, message_id))
