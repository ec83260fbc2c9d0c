"""The spool's records, and the reasons for which it refuses one."""
from typing import NamedTuple, Tuple

from hipchat.errors import HipChatError

__all__ = ["Delivery", "SpoolError", "SpoolFull", "StoredDelivery"]


class SpoolError(HipChatError):
    """The spool cannot be written or read now."""


class SpoolFull(SpoolError):
    """The spool has no space for one more delivery."""


class Delivery(NamedTuple):
    """One event that HipChat posted or that its history returned, to be stored.

    Attributes:
        event: HipChat's name of the event, such as "room_message".
        room_id: The room of the signed address.
        trace_tag: The message's ID, or a random one where the event has none.
        body: What HipChat posted, or would have posted.
        sent_at: When the message was sent (Unix time, HipChat's clock).
        dedup_key: Identifies the event; "" for one that cannot be told from another like it.
        alternate_keys: Prefixes of claim keys. If the spool knows one, this event is a duplicate,
            and the claim key is used up.
        claim_key: Lets one later event that has a prefix of it as an alternate key be recognized.
        is_backfilled: Whether it comes from the history, which keeps its own order.
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
        number: Its place in the order of its room.
        received_at: When it was stored (Unix time, this machine's clock).
        dedup_key: Identifies the event, as when it was stored; "" if nothing does.
    """

    number: int
    room_id: int
    event: str
    trace_tag: str
    received_at: float
    body: bytes
    dedup_key: str
