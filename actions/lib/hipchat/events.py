"""The ten events of HipChat's webhooks, and the trigger payload that is made of a delivery."""
import json
import math
from typing import Any, Dict, List, NamedTuple, Optional

from hipchat.text.template_guard import neutralize_templates
from hipchat.text.room_reference import is_room_id
from hipchat.text.shallow_json import loads
from hipchat.text.sanitize import sanitize

__all__ = ["EVENTS", "HIPCHAT_EVENTS", "Event", "read_body", "room_id", "room_name", "message_id",
           "webhook_id", "text_of", "payload"]

DEEPEST = 50  # levels of JSON: the database behind StackStorm takes 100, of which it needs some
MOST_VALUES = 50000  # in one body; to walk through more would hold other deliveries up


class Event(NamedTuple):
    """An event: name is the trigger type's (without "hipchat."), hipchat is HipChat's own."""

    name: str
    hipchat: str
    text: Optional[str] = None  # what of the item a filter is searched in: "message" or "topic"


_ALL = [
    Event("message", "room_message", text="message"),
    Event("notification", "room_notification", text="message"),
    Event("enter", "room_enter"),
    Event("exit", "room_exit"),
    Event("topic_change", "room_topic_change", text="topic"),
    Event("archived", "room_archived"),
    Event("unarchived", "room_unarchived"),
    Event("created", "room_created"),
    Event("deleted", "room_deleted"),
    Event("file_upload", "room_file_upload"),
]
EVENTS = {event.name: event for event in _ALL}
HIPCHAT_EVENTS = {event.hipchat: event for event in _ALL}
_WITH_SENDER = ("enter", "exit", "topic_change")


def read_body(raw: bytes) -> Dict[str, Any]:
    """What HipChat posted, as an object with an `item` that is an object.

    Text that StackStorm's database cannot store is replaced (lone surrogates, NUL in a key), and
    so are integers beyond 64 bits and numbers beyond a float's (by their digits). ValueError, with
    a text that is safe to send back, where it is no JSON, no object, has no item, or is too deep
    or too rich.
    """
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise ValueError("the body holds too many values")
    try:
        body = loads(raw.decode("utf-8"), DEEPEST, _DECODER.decode)
    except ValueError:
        raise ValueError("the body is not JSON, or nested too deeply") from None
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    if not isinstance(body.get("item"), dict):
        raise ValueError("the body has no item")
    return sanitize(body)


def _no_constant(name: str) -> None:
    raise ValueError(name + " is not JSON")


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) <= 20 else digits  # to read thousands takes long


def _float(digits: str) -> Any:
    return float(digits) if math.isfinite(float(digits)) else digits


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_no_constant)


def room_id(body: Dict[str, Any]) -> Optional[int]:
    """The id of the room as the item states it, None where it states none."""
    room = body["item"].get("room")
    stated = room.get("id") if isinstance(room, dict) else None
    if isinstance(stated, str) and is_room_id(stated):
        return int(stated)
    return stated if type(stated) is int else None


def room_name(body: Dict[str, Any]) -> str:
    """What the item calls the room, "" where it does not. (It is no identity: names change.)"""
    return _named(body["item"].get("room"), "name")["name"]


def message_id(body: Dict[str, Any]) -> str:
    """The id of the message in a delivery, "" if there is none."""
    message = body["item"].get("message")
    found = message.get("id") if isinstance(message, dict) else None
    return str(found) if isinstance(found, (int, str)) else ""


def webhook_id(body: Dict[str, Any]) -> int:
    """The id of the HipChat webhook, 0 where HipChat gives none that is a number."""
    try:
        number = int(body.get("webhook_id") or 0)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if -2 ** 63 <= number < 2 ** 63 else 0


def text_of(event: Event, item: Dict[str, Any]) -> str:
    """What a filter is searched in: the message, the topic, or "" for other events."""
    safe = safe_item(event, item)
    if event.text == "topic":
        return safe["topic"]
    return safe["message"]["message"] if event.text else ""


def safe_item(event: Event, item: Dict[str, Any]) -> Dict[str, Any]:
    """HipChat's item, whole, with those keys as strings that rules put criteria on.

    item.room.name always; item.message.message, item.message.from.name, item.sender.name and
    item.topic where the event has them. (In StackStorm a criterion on anything but a string makes
    the rule fail.)
    """
    safe = dict(item, room=_named(item.get("room"), "name"))
    if event.text == "message":
        message = _named(item.get("message"), "message")
        # HipChat sends the label of a notification, and the name of a guest, as a string.
        safe["message"] = dict(message, **{"from": _named(message.get("from"), "name")})
    if event.name in _WITH_SENDER or "sender" in item:
        safe["sender"] = _named(item.get("sender"), "name")
    if event.text == "topic":
        safe["topic"] = _string(item.get("topic"))
    return safe


def _named(value: Any, key: str) -> Dict[str, Any]:
    """An object whose key is a string; HipChat also sent a plain string in place of the object."""
    if isinstance(value, dict):
        return dict(value, **{key: _string(value.get(key))})
    return {key: _string(value)}


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def payload(event: Event, body: Dict[str, Any], trigger_id: str, matches: List[str],
            guard: bool = True) -> Dict[str, Any]:
    """The payload of a trigger: ten keys, in every event, no string ever null.

    With guard, every string is inert: an orquesta workflow evaluates what it is given, and chat
    text could otherwise read the secrets of the config and of the datastore there.
    """
    item = safe_item(event, body["item"])
    client = body.get("oauth_client_id")
    found = {
        "event": event.hipchat,
        "oauth_client_id": client if isinstance(client, str) else "",
        "webhook_id": webhook_id(body),
        "hook_id": webhook_id(body),
        "service_id": "hipchat",
        "listener_id": event.hipchat,
        "instance_id": trigger_id,
        "message": item["message"]["message"] if event.text == "message" else "",
        "matches": matches,
        "item": item,
    }
    return neutralize_templates(found) if guard else found
