"""What a webhook would have posted for an item of a room's history."""
from typing import Any, Dict

from hipchat.api.room_history import HistoryItem
from hipchat.text.shallow_json import loads

__all__ = ["as_body"]


def as_body(item: HistoryItem, room: Dict[str, Any], webhook: int) -> Dict[str, Any]:
    """The body that a webhook would have posted for an item of the history.

    room: its id, name and links; webhook: the id of the webhook that should have told it, 0 if the
    room has none.
    """
    message = dict(item.body)
    if message.get("card"):
        message["card"] = _card(message["card"])
    found = {"message": message, "room": room}
    if item.event == "room_topic_change":
        found = {"sender": message.get("from"),
                 "topic": message.get("topic", message.get("message")), "room": room}
    return {"event": item.event, "webhook_id": webhook, "oauth_client_id": "", "item": found}


def _card(card: Any) -> Any:
    """History holds a card as JSON text, where webhooks have an object."""
    try:
        return loads(card) if isinstance(card, str) else card
    except ValueError:
        return card
