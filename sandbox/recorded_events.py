"""Reads recorded events from a file: a room's history, or the bodies of webhooks."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from sandbox.hipchat_server.event_trace import in_words
from sandbox.stackstorm import REPOSITORY, plugins
from sandbox.stackstorm.errors import Invalid

plugins.add_to_path(REPOSITORY / "sensors")
from hipchat.api.room_history import read_items  # noqa: E402
from hipchat.events import HIPCHAT_EVENTS, read_body, room_id, room_name  # noqa: E402
from hipchat.events import safe_item, text_of  # noqa: E402
from hipchat.text.room_reference import is_room_id  # noqa: E402
from hipchat.values import unix_time  # noqa: E402
from listening.history.bodies import as_body  # noqa: E402

__all__ = ["RecordedEvent", "read"]

DEFAULT_ROOM, DEFAULT_ROOM_ID = "Factor", 1001
LONGEST_TEXT = 60


class RecordedEvent(NamedTuple):
    """An event from a file.

    Attributes:
        body: the body that a webhook posts for the event.
        sent_at: the time by HipChat's clock; None if the body has no date.
        words: a sentence about the event, such as "Ann in Factor: ping hello".
    """

    body: Dict[str, Any]
    sent_at: Optional[datetime]
    words: str


def read(file: Path, room: Optional[str], rule_room: Optional[str]) -> List[RecordedEvent]:
    """Return the events in a file, in its order.

    Items of a history do not contain their room. The room is the given one, or the one in the
    action's result, or else the rule's.

    Args:
        file: JSON in one of these forms: the result of `st2 run hipchat.get_history -j`; HipChat's
            own history, {"items": [...]}; a list of history items or of webhook bodies; or one
            webhook body per line.
        room: the name or ID of a history's room.
        rule_room: the name or ID of the room that the rule is for.

    Raises:
        Invalid: the file contains something else.
    """
    try:
        found = _parsed(file.read_text("utf-8"))
        place = _place([each for each in (room, _named_room(found), rule_room) if each])
        events = [_event(read_body(json.dumps(body).encode()), sent_at)
                  for body, sent_at in _bodies(file, found, place)]
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid(f"cannot read {file}: {error}") from None
    if not events:
        raise Invalid(f"{file} contains no message, notification or topic.")
    return events


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        return [json.loads(line) for line in lines]


def _place(references: List[str]) -> Dict[str, Any]:
    """Return the room that these names and IDs describe: the first name and the first ID."""
    ids = [int(each) for each in references if is_room_id(each)]
    names = [each for each in references if not is_room_id(each)]
    return {"id": (ids or [DEFAULT_ROOM_ID])[0],
            "name": (names or references or [DEFAULT_ROOM])[0]}


def _bodies(file: Path, found: Any,
            place: Dict[str, Any]) -> Iterator[Tuple[Dict[str, Any], Optional[float]]]:
    items = _listed(found)
    if items is None or not all(isinstance(item, dict) for item in items):
        raise Invalid(f"{file} is neither the result of hipchat.get_history nor a list of webhook "
                      "bodies.")
    posted = [item for item in items if isinstance(item.get("item"), dict)]
    for body in posted:
        if str(body.get("event")) in HIPCHAT_EVENTS and room_id(body) is not None:
            message = body["item"].get("message")
            yield body, unix_time(message.get("date")) if isinstance(message, dict) else None
    for item in read_items([item for item in items if item not in posted]):
        if item.event:
            yield as_body(item, place, 0), item.sent_at


def _listed(found: Any) -> Any:
    """Return the list of items in one of the forms of read(), or None."""
    if isinstance(found, dict):
        if isinstance(found.get("item"), dict):
            return [found]
        for key in ("result", "messages", "items"):
            if key in found:
                return _listed(found[key])
    return found if isinstance(found, list) else None


def _named_room(found: Any) -> str:
    """Return the room in the action's result, or "" if it has none."""
    while isinstance(found, dict):
        if isinstance(found.get("room"), str):
            return found["room"]
        found = found.get("result")
    return ""


def _event(body: Dict[str, Any], sent_at: Optional[float]) -> RecordedEvent:
    event = HIPCHAT_EVENTS[body["event"]]
    item = safe_item(event, body["item"])
    person = item["message"]["from"] if "message" in item else item.get("sender", {"name": ""})
    text = text_of(event, body["item"])
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT - 3] + "..."
    words = in_words(event.name, person["name"], room_name(body), text)
    # Chat text must not control the terminal.
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    when = None if sent_at is None else datetime.fromtimestamp(sent_at, timezone.utc)
    return RecordedEvent(body, when, words)
