"""What was said in a room before."""

import datetime
from typing import Any, List

from flask import Blueprint, jsonify, request

from sandbox.hipchat_server.context import group, shapes
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.guard import needs
from sandbox.hipchat_server.models import Message
from sandbox.hipchat_server.paging import number, own_url, page, shaped

blueprint = Blueprint("history", __name__)

RECENT = 75


@blueprint.get("/room/<id_or_name>/history")
@needs("view_messages")
def view_room_history(id_or_name: str) -> Any:
    messages = group.room(id_or_name).history
    date = request.args.get("date", "recent")
    if date == "recent":  # HipChat did not page these
        return jsonify(whole(messages[-RECENT:], RECENT))
    latest = moment("date", date)
    earliest = request.args.get("end-date")
    if earliest:
        messages = [m for m in messages if m.date >= moment("end-date", earliest)]
    newest_first = [m for m in reversed(messages) if m.date <= latest]
    answer = page(newest_first, shapes.message, shapes.message)
    if request.args.get("reverse") != "false":
        answer["items"].reverse()
    return jsonify(answer)


@blueprint.get("/room/<id_or_name>/history/latest")
@needs("view_messages")
def view_recent_room_history(id_or_name: str) -> Any:
    return jsonify(latest_of(group.room(id_or_name).history))


@blueprint.get("/user/<id_or_email>/history/latest")
@needs("view_messages")
def view_recent_private_history(id_or_email: str) -> Any:
    return jsonify(latest_of(group.user(id_or_email).inbox))


@blueprint.get("/room/<id_or_name>/history/<message_id>")
@needs("view_messages")
def get_room_message(id_or_name: str, message_id: str) -> Any:
    messages = group.room(id_or_name).history
    return jsonify({"message": shapes.message(messages[position(messages, message_id)])})


def latest_of(messages: List[Message]) -> Any:
    """Return the newest messages, oldest first, none of them older than `not-before`."""
    oldest, size = request.args.get("not-before"), number("max-results", RECENT, 1000)
    if oldest:
        messages = messages[position(messages, oldest):]
    # With a size of 0, -0 would mean all of them.
    return whole(messages[max(0, len(messages) - size):], size)


def whole(messages: List[Message], size: int) -> Any:
    """Return messages as a list without further pages."""
    return {"items": shaped(messages, shapes.message), "startIndex": 0, "maxResults": size,
            "links": {"self": own_url()}}


def position(messages: List[Message], message_id: str) -> int:
    """Find a message by its id, or raise HipChat's 404."""
    for index, message in enumerate(messages):
        if message.id == message_id:
            return index
    raise not_found("Message", message_id)


def moment(field: str, text: str) -> datetime.datetime:
    """Read a date of ISO 8601, in UTC where it names no zone."""
    try:
        date = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ApiError(400, "Value u'%s' for field '%s' is not a date" % (text, field),
                       field=field, value=text) from error
    return date if date.tzinfo else date.replace(tzinfo=datetime.timezone.utc)
