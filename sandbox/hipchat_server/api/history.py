"""The history of a room."""

from typing import Any

from flask import Blueprint, jsonify

from sandbox.hipchat_server import history_query
from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.authorization import needs

blueprint = Blueprint("history", __name__)


@blueprint.get("/room/<id_or_name>/history")
@needs("view_messages")
def view_room_history(id_or_name: str) -> Any:
    return jsonify(history_query.up_to_a_date(group.room(id_or_name).history))


@blueprint.get("/room/<id_or_name>/history/latest")
@needs("view_messages")
def view_recent_room_history(id_or_name: str) -> Any:
    return jsonify(history_query.latest(group.room(id_or_name).history))


@blueprint.get("/room/<id_or_name>/history/<message_id>")
@needs("view_messages")
def get_room_message(id_or_name: str, message_id: str) -> Any:
    return jsonify(history_query.one(group.room(id_or_name).history, message_id))
