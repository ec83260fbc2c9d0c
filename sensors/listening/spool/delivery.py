"""What the spool keeps, and why it may refuse to."""
from typing import NamedTuple, Optional, Tuple

from hipchat.errors import HipChatError

__all__ = ["Arrival", "Delivery", "SpoolError", "SpoolFull"]


class SpoolError(HipChatError):
    """The spool cannot be written or read now."""


class SpoolFull(SpoolError):
    """The spool holds as many deliveries as it may."""


class Arrival(NamedTuple):
    """A delivery to be kept.

    event, room: of the webhook URL; lane: what order is kept in, the room's id where known;
    message: what a repetition is known by, "" where it has no message id; trace: the message id
    or an id made for it. others: by what else it is known if it came before; anew: it is known by
    the others alone, and by each of them once. number: its place in the room of an epoch, else
    behind all others.
    """

    event: str
    room: str
    lane: str
    message: str
    trace: str
    body: bytes
    others: Tuple[str, ...] = ()
    anew: bool = False
    number: Optional[int] = None


class Delivery(NamedTuple):
    """A delivery that waits; received is in seconds since 1970."""

    id: int
    lane: str
    event: str
    room: str
    trace: str
    received: float
    body: bytes
