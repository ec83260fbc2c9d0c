"""Selects the part of a history that a query asks for, of a room or of private messages."""

import datetime
from typing import Any, Dict, List

from flask import request

from sandbox.hipchat_server.context import serializer
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.models import Message
from sandbox.hipchat_server.paging import number, own_url, page
from sandbox.hipchat_server.timezones import timezone

RECENT = 75

Json = Dict[str, Any]


def latest(messages: List[Message]) -> Json:
    """Return the newest messages, oldest first, from the message that `not-before` names on.

    At most `max-results` messages are returned, without that message if too many are newer.
    """
    oldest, size = request.args.get("not-before"), number("max-results", RECENT, 1000)
    if oldest:
        messages = messages[position(messages, oldest):]
    return newest(_shown(messages), size)


def up_to_a_date(messages: List[Message]) -> Json:
    """Return a page of the messages up to `date`, counted from the newest, or the recent ones."""
    date = request.args.get("date", "recent")
    if "timezone" in request.args and "end-date" in request.args:
        raise ApiError(401, "This call takes either timezone or end-date")
    messages = _shown(messages)
    if date == "recent":  # HipChat has no pages of recent messages
        return newest(messages, RECENT)
    last = moment("date", date)
    # HipChat ignores end-date unless `date` is in ISO 8601.
    if "end-date" in request.args and not _is_number(date):
        first = moment("end-date", request.args["end-date"])
        messages = [message for message in messages if message.date >= first]
    answer = page([message for message in reversed(messages) if message.date <= last],
                  _shape, _shape)
    if request.args.get("reverse") != "false":
        answer["items"].reverse()
    return answer


def one(messages: List[Message], message_id: str) -> Json:
    """Return the message with this ID, or raise HipChat's 404."""
    message = messages[position(messages, message_id)]
    if message not in _shown([message]):
        raise not_found("Message", message_id)
    return {"message": _shape(message)}


def newest(messages: List[Message], size: int) -> Json:
    """Return the newest messages as a list without further pages."""
    # With a size of 0, -0 would mean all of them.
    items = [_shape(message) for message in messages[max(0, len(messages) - size):]]
    return {"items": items, "startIndex": 0, "maxResults": size, "links": {"self": own_url()}}


def position(messages: List[Message], message_id: str) -> int:
    """Return the index of the message with this ID, or raise HipChat's 404."""
    for index, message in enumerate(messages):
        if message.id == message_id:
            return index
    raise not_found("Message", message_id)


def moment(field: str, text: str) -> datetime.datetime:
    """Read a Unix time or an ISO 8601 date, which is in the query's time zone by default."""
    try:
        if _is_number(text):
            return datetime.datetime.fromtimestamp(float(text), datetime.timezone.utc)
        date = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError) as error:
        raise ApiError(400, f"Value u'{text}' for field '{field}' is not a date",
                       field=field, value=text) from error
    return date if date.tzinfo else date.replace(tzinfo=_zone())


def _shown(messages: List[Message]) -> List[Message]:
    if request.args.get("include_deleted", "true") != "false":
        return messages
    return [message for message in messages if not message.is_deleted]


def _shape(message: Message) -> Json:
    return serializer.past_message(message, _zone())


def _zone() -> datetime.tzinfo:
    return timezone(request.args.get("timezone", "UTC"))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
