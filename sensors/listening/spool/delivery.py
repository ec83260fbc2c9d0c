"""The spool's records and errors."""
from typing import NamedTuple, Tuple

from hipchat.errors import HipChatError

__all__ = ["Delivery", "SpoolError", "SpoolFull", "StoredDelivery"]


class SpoolError(HipChatError):
    """The spool cannot be written or read now."""


class SpoolFull(SpoolError):
    """The spool has no space for one more delivery."""


class Delivery(NamedTuple):
    """One event to store: posted by HipChat, or read from its history.

    A topic change has no ID in a webhook, but one in the history. So the first of the two leaves
    its claim key, and the second is a duplicate if one of its alternate keys begins that claim key.
    Each claim key is used once.

    Attributes:
        event: HipChat's name of the event, such as "room_message".
        room_id: the room of the signed address.
        trace_tag: the message ID; a random one for an event without a message.
        body: the webhook's body, or the same made from an item of the history.
        sent_at: when the message was sent (Unix time, HipChat's clock).
        dedup_key: identifies the event; "" for an event without an ID.
        alternate_keys: prefixes of claim keys.
        claim_key: left for one later duplicate; "" for none.
        is_backfilled: whether the event was read from the history, whose order is kept.
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
    """A delivery that waits to be dispatched.

    Attributes:
        sequence_number: orders the deliveries of a room.
        received_at: when it was stored (Unix time, this machine's clock).
        dedup_key: identifies the event; "" for an event without an ID.
    """

    sequence_number: int
    room_id: int
    event: str
    trace_tag: str
    received_at: float
    body: bytes
    dedup_key: str
