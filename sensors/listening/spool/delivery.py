"""The records that go into and come out of the spool (the queue on disk), and its errors."""
from typing import NamedTuple, Tuple

from hipchat.errors import HipChatError

__all__ = ["Delivery", "SpoolError", "SpoolFull", "StoredDelivery"]


class SpoolError(HipChatError):
    """The spool (the queue on disk) cannot be written or read now."""


class SpoolFull(SpoolError):
    """The spool has no space for one more delivery."""


class Delivery(NamedTuple):
    """One event to store: posted by HipChat, or read from its history.

    A topic change has no ID in a webhook, but one in the history. So two deliveries of one topic
    change are recognized by further keys: the first delivery stores its claim key, and the second
    is a duplicate if the stored claim key begins with one of the second's alternate keys. Each
    claim key is used once.

    Attributes:
        event: HipChat's name of the event, such as "room_message".
        room_id: the room ID in the signed webhook URL. (An add-on's URL has none: the room ID in
            the signed body.)
        trace_tag: the message ID; a random ID for an event without a message.
        body: the webhook's body, as JSON; the history's items have the body of a webhook, too.
        sent_at: when the message was sent (Unix time, HipChat's clock).
        dedup_key: a key that all deliveries of one event share; "" for an event without an ID.
        alternate_keys: prefixes of the claim keys of earlier deliveries of the same event.
        claim_key: stored for one later duplicate; "" for an event that needs none.
        is_backfilled: True if the event was read from the history, whose order is kept.
    """

    event: str
    room_id: int
    trace_tag: str
    body: bytes
    sent_at: float
    dedup_key: str = ""
    alternate_keys: Tuple[str, ...] = ()
    claim_key: str = ""
    is_backfilled: bool = False


class StoredDelivery(NamedTuple):
    """A delivery in the spool, which waits to be dispatched. Its other fields are Delivery's.

    Attributes:
        sequence_number: a room's delivery with the lowest number is dispatched first.
        received_at: when the delivery was stored (Unix time, this machine's clock).
    """

    sequence_number: int
    room_id: int
    event: str
    trace_tag: str
    received_at: float
    body: bytes
    dedup_key: str
