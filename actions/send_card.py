"""Posts a card, in a notification, in a room.

Calls POST /v2/room/{id_or_name}/notification, which needs the scope send_notification.
"""
import uuid
from typing import Any, Dict, Optional

from base import HipChatAction, Result
from hipchat.api.notifications import notification, notify

# The parameters that become keys of the card.
OF_CARD = ("style", "url", "description", "activity", "thumbnail", "icon", "attributes")


class SendCardAction(HipChatAction):
    def do(self, title: str, room: Optional[str] = None, id: Optional[str] = None,
           format: Optional[str] = None, description_format: Optional[str] = None,
           message: Optional[str] = None, **fields: Any) -> Result:
        """Post the card; return the notification (with the card as `card`) and its room."""
        card: Dict[str, Any] = {"id": id or str(uuid.uuid4()), "title": title, "format": format}
        card.update((key, fields.pop(key, None)) for key in OF_CARD)
        card["description"] = card["description"] or None  # HipChat rejects an empty description
        if description_format and card["description"]:
            card["description"] = {"value": card["description"], "format": description_format}
        card = {key: value for key, value in card.items() if value is not None}
        sent = notification(message=message or title, card=card, **fields)
        return notify(self.hipchat, self.room_or_default(room), sent, "error")
