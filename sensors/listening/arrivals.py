"""What is kept of a delivery: where it belongs is told by its signed address, never by its body."""
import uuid
from typing import Any, Dict, Union

from hipchat.events import message_id, room_id
from listening.spool import Arrival

__all__ = ["WrongRoom", "arrival"]


class WrongRoom(ValueError):
    """A body tells of another room than the address that it was posted to."""


def arrival(event: str, room: Union[int, str], raw: bytes, body: Dict[str, Any]) -> Arrival:
    """The arrival of a body, as raw bytes and as it was read, at a webhook's address.

    room: its id, or a name for a webhook of version 0.1.0 of whose room nothing else is known. A
    message is known again by event, room and id, by whichever webhook it comes.
    """
    if isinstance(room, int) and room_id(body) not in (None, room):
        raise WrongRoom("the body is of another room")
    message = message_id(body)
    return Arrival(event=event, room=str(room), lane=str(room),
                   message="{} {} {}".format(event, room, message) if message else "",
                   trace=message or uuid.uuid4().hex, body=raw)
