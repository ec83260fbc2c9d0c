"""The ten events of HipChat's webhooks, and how a delivery becomes a trigger's payload."""
import json
import math
from typing import Any, Dict, List, NamedTuple, Optional

from hipchat import values
from hipchat.text.template_guard import neutralize_templates
from hipchat.text.shallow_json import loads
from hipchat.text.sanitize import sanitize
from hipchat.values import iso_date, positive_id

__all__ = ["EVENTS", "HIPCHAT_EVENTS", "Event", "WrongRoom", "message_id", "payload", "read_body",
           "room_id", "room_name", "text_of", "webhook_id", "with_identities"]

DEEPEST = 50  # levels of a body's JSON: StackStorm's database accepts 100, and StackStorm adds some
MOST_VALUES = 50000  # in one body: more would take so long that other deliveries wait


class WrongRoom(ValueError):
    """The room in a delivery's body has no valid ID, or is not the room of the signed URL."""


class Event(NamedTuple):
    """A kind of event, for which HipChat has webhooks and the pack has a trigger type.

    Attributes:
        name: the name of the trigger type, without "hipchat.".
        hipchat: HipChat's name of the event.
        text: the key of the item's text in which filters search: "message", "topic" or None.
    """

    name: str
    hipchat: str
    text: Optional[str] = None


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
    """Parse the body of a delivery: of a webhook request from HipChat.

    Replaces what StackStorm's database cannot store: lone surrogates, NUL in a key, and numbers
    beyond 64 bits or a float's range (these by strings of their digits).

    Returns:
        The body: an object whose `item` is an object.

    Raises:
        ValueError: the body is no such object, is nested too deeply, or has too many values. The
            error's message contains nothing secret; it can be sent to the client.
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
    """Return the ID of the room in the item; None if the item has no room.

    Raises:
        WrongRoom: the room's ID is neither a positive integer nor the digits of one. (Other code
            could convert another string, or a float, to the ID of another room.)
    """
    room = body["item"].get("room")
    stated = room.get("id") if isinstance(room, dict) else room
    checked = positive_id(stated) if isinstance(room, dict) else None
    if checked is None and stated is not None:
        raise WrongRoom("the body names its room in another way than by its ID")
    return checked


def with_identities(body: Dict[str, Any], room: Dict[str, Any]) -> Dict[str, Any]:
    """Return the body with validated IDs (of room, message and people) and a validated date.

    Rules must get the validated values, because StackStorm casts "+1002", and true, to an integer.

    Args:
        body: from read_body().
        room: the room of the signed URL: its id, and its name and links if they are known. These
            replace those in the body.

    Raises:
        WrongRoom: the body names another room.
        ValueError: an ID is invalid, and StackStorm could cast it to another ID.
    """
    if room_id(body) not in (None, room["id"]):
        raise WrongRoom("the body is of another room")
    item = dict(body["item"])
    stated = dict(item.get("room") or {})
    if not _are_of_room(stated.get("links"), room["id"]):
        stated.pop("links", None)
    item["room"] = {**stated, **{key: room[key] for key in ("id", "name", "links") if key in room}}
    if "sender" in item:
        item["sender"] = _with_id(item["sender"])
    if isinstance(item.get("message"), dict):
        message = item["message"] = dict(item["message"])
        if "from" in message:
            message["from"] = _with_id(message["from"])
        if isinstance(message.get("mentions"), list):
            message["mentions"] = [*map(_with_id, message["mentions"])]
        if message.get("id") is not None:
            message["id"] = message_id(body)
            if not message["id"]:
                raise ValueError("the ID of the body's message is no text")
        if "date" in message:
            message["date"] = iso_date(message["date"])
    return dict(body, item=item)


def _are_of_room(links: Any, room_number: int) -> bool:
    """Return whether all URLs in HipChat's `links` are those of this room, or below them."""
    return isinstance(links, dict) and all(
        isinstance(link, str) and f"/room/{room_number}/" in link + "/" for link in links.values())


def _with_id(person: Any) -> Any:
    """Return a person or an integration with a validated ID; a value without an ID unchanged.

    Raises:
        ValueError: StackStorm could cast the ID to the ID of another person.
    """
    stated = person.get("id") if isinstance(person, dict) else None
    checked = positive_id(stated)
    if checked is not None:
        return dict(person, id=checked)
    if isinstance(stated, str):
        try:
            float(stated)  # StackStorm converts a string as Python does
        except ValueError:
            return person  # an integration's ID
    elif stated is None:
        return person
    raise ValueError("the body names a person in another way than by an ID")


def room_name(body: Dict[str, Any]) -> str:
    """Return the room's name in the item, or "". (Never identify a room by its name.)"""
    return _named(body["item"].get("room"), "name")["name"]


def message_id(body: Dict[str, Any]) -> str:
    """Return the ID of the message in the item; "" if there is none."""
    message = body["item"].get("message")
    return values.message_id(message.get("id")) if isinstance(message, dict) else ""


def webhook_id(body: Dict[str, Any]) -> int:
    """Return the ID of the webhook that sent the body; 0 if the body has no valid webhook ID."""
    return positive_id(body.get("webhook_id")) or 0


def text_of(event: Event, item: Dict[str, Any]) -> str:
    """Return the text in which filters search: the message or the topic; "" for other events."""
    safe = safe_item(event, item)
    if event.text == "topic":
        return safe["topic"]
    return safe["message"]["message"] if event.text else ""


def safe_item(event: Event, item: Dict[str, Any]) -> Dict[str, Any]:
    """Return HipChat's item, with strings as the values that the criteria of rules compare.

    These are room.name and, if the event has them, message.message, message.from.name, sender.name
    and topic. (In StackStorm, a rule fails if its criterion compares anything but a string.)
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
    """Return an object with a string at `key`; HipChat sometimes sends only that string."""
    if isinstance(value, dict):
        return dict(value, **{key: _string(value.get(key))})
    return {key: _string(value)}


def _string(value: Any) -> str:
    """Return a string unchanged, "" for None, and the JSON of any other value."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def payload(event: Event, body: Dict[str, Any], trigger_id: str, matches: List[str],
            guard: bool = True) -> Dict[str, Any]:
    """Return the trigger payload of a delivery: the same ten keys for every event.

    Args:
        body: the delivery's body, validated by with_identities().
        matches: the strings of the groups of the trigger's filter.
        guard: whether to make templates in the strings harmless. A workflow (orquesta) evaluates
            its input as templates. Without the guard, chat text could read the secrets of the
            config and of the datastore there.
    """
    item = safe_item(event, body["item"])
    client = body.get("oauth_client_id")
    result = {
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
    return neutralize_templates(result) if guard else result
