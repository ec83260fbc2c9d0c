"""Creates a delivery from a webhook's body or from an item of HipChat's history."""
import hashlib
import uuid
from typing import Any, Dict, Tuple

from hipchat.api.room_history import HistoryItem
from hipchat.events import message_id
from hipchat.values import unix_time
from listening import timing
from listening.spool.delivery import Delivery

__all__ = ["from_history", "from_webhook"]

TOPIC_CHANGE = "room_topic_change"
AHEAD_MAX = 60.0  # seconds that a message's date may be ahead of our estimate of HipChat's clock
FROM_HISTORY = "fetched "  # begins the claim key of a topic change from the history


def from_webhook(event: str, room_id: int, raw: bytes, body: Dict[str, Any],
                 now: float) -> Delivery:
    """Create a delivery from the body of a webhook.

    Duplicates of a message have the same event, room ID and message ID. A topic change has no ID
    in a webhook: its duplicate in the history has the same topic and about the same time.

    Args:
        event: HipChat's name of the event, such as "room_message".
        room_id: the room ID in the signed URL. (An add-on's URL has none: the one in the body.)
        raw: the body as it was posted.
        body: the parsed body, whose IDs with_identities() has checked.
        now: Unix time by HipChat's clock.
    """
    sent_message_id = message_id(body)
    delivery = Delivery(
        event=event, room_id=room_id, trace_tag=sent_message_id or uuid.uuid4().hex, body=raw,
        sent_at=_sent_at(body, now))
    if sent_message_id:
        return delivery._replace(dedup_key=f"{event} {room_id} {sent_message_id}")
    if event == TOPIC_CHANGE:
        keys = _topic_keys(room_id, body["item"].get("topic"), now)
        return delivery._replace(claim_key=f"{keys[0]} {delivery.trace_tag}",
                                 alternate_keys=tuple(FROM_HISTORY + key for key in keys))
    return delivery


def from_history(event: str, room_id: int, raw: bytes, body: Dict[str, Any],
                 item: HistoryItem) -> Delivery:
    """Create a delivery from an item of a room's history.

    Args:
        raw: `body` as JSON in bytes, to be stored.
        body: the body that a webhook would have posted for the item.
    """
    delivery = Delivery(
        event=event, room_id=room_id, trace_tag=item.message_id, body=raw, sent_at=item.sent_at,
        dedup_key=f"{event} {room_id} {item.message_id}", is_backfilled=True)
    if event != TOPIC_CHANGE:
        return delivery
    keys = _topic_keys(room_id, body["item"].get("topic"), item.sent_at)
    return delivery._replace(claim_key=f"{FROM_HISTORY}{keys[0]} {item.message_id}",
                             alternate_keys=keys)


def _sent_at(body: Dict[str, Any], now: float) -> float:
    """Return the Unix time at which a webhook's message was sent; `now` if the body has no date."""
    message = body["item"].get("message")
    date = unix_time(message.get("date")) if isinstance(message, dict) else None
    return now if date is None else min(date, now + AHEAD_MAX)


def _topic_keys(room_id: int, topic: Any, sent_at: float) -> Tuple[str, ...]:
    """Return a topic change's claim key prefixes, for its TOPIC_SPAN, the previous and the next."""
    digest = hashlib.sha256(repr(topic).encode("utf-8", "replace")).hexdigest()[:32]
    span = int(sent_at // timing.TOPIC_SPAN)
    return tuple(f"{TOPIC_CHANGE} {room_id} {digest} {each}"
                 for each in (span, span - 1, span + 1))
