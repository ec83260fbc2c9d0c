"""Converts an item of a room's history into the body of a webhook."""
from typing import Any, Dict

from hipchat.api.room_history import HistoryItem
from hipchat.text.shallow_json import loads

__all__ = ["as_body"]


def as_body(item: HistoryItem, room: Dict[str, Any], webhook_id: int) -> Dict[str, Any]:
    """Return the body that a webhook would have posted for an item of the history.

    Args:
        room: the room's ID, name and links.
        webhook_id: 0 if the room has no webhook for this event.
    """
    message = dict(item.body)
    if message.get("card"):
        message["card"] = _card(message["card"])
    found: Dict[str, Any] = {"message": message, "room": room}
    if item.event == "room_topic_change":
        found = {"sender": message.get("from"),
                 "topic": message.get("topic", message.get("message")), "room": room}
    return {"event": item.event, "webhook_id": webhook_id, "oauth_client_id": "", "item": found}


def _card(card: Any) -> Any:
    """Return a card as an object, as webhooks contain it; the history contains it as JSON text."""
    try:
        return loads(card) if isinstance(card, str) else card
    except ValueError:
        return card
