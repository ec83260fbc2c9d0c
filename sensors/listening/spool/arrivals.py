"""What is kept of a delivery: where it belongs is told by its signed address, never by its body."""
import hashlib
import time
import uuid
from typing import Any, Dict, Tuple, Union

from hipchat.events import message_id, room_id
from listening import timing
from listening.spool import Arrival

__all__ = ["WrongRoom", "arrival", "of_history"]

TOPIC_CHANGE = "room_topic_change"


class WrongRoom(ValueError):
    """A body tells of another room than the address that it was posted to."""


def arrival(event: str, room: Union[int, str], raw: bytes, body: Dict[str, Any]) -> Arrival:
    """The arrival of a body, as raw bytes and as it was read, at a webhook's address.

    room: its id, or a name for a webhook of version 0.1.0 of whose room nothing else is known. A
    message is known again by event, room and id, by whichever webhook it comes.
    """
    if isinstance(room, int) and room_id(body) not in (None, room):
        raise WrongRoom("the body is of another room")
    message, key, others = message_id(body), "", ()
    if message:
        key = f"{event} {room} {message}"
    elif event == TOPIC_CHANGE:
        keys = _topic_keys(room, body["item"].get("topic"), time.time())
        key, others = keys[0], _of_history(keys)
    return Arrival(event=event, room=str(room), lane=str(room), message=key,
                   trace=message or uuid.uuid4().hex, body=raw, others=others, anew=bool(others))


def of_history(arrived: Arrival, topic: Any, when: float) -> Arrival:
    """The arrival of what the history tells of; when: seconds since 1970, by our clock.

    A change of the topic has no id. It is one that a webhook told of within some minutes, before or
    after; and what both tell of again is another one.
    """
    if arrived.event != TOPIC_CHANGE:
        return arrived
    keys = _topic_keys(arrived.room, topic, when)
    told = _of_history(keys)
    return arrived._replace(message=told[0], others=told[1:] + keys, anew=False)


def _of_history(keys: Tuple[str, ...]) -> Tuple[str, ...]:
    return tuple("fetched " + key for key in keys)


def _topic_keys(room: Union[int, str], topic: Any, when: float) -> Tuple[str, ...]:
    """By what a change of the topic is known: that first, and then what it may be known by, too."""
    digest = hashlib.sha256(repr(topic).encode("utf-8", "replace")).hexdigest()[:32]
    span = int(when // timing.TOPIC_SPAN)
    return tuple(f"{TOPIC_CHANGE} {room} {digest} {each}"
                 for each in (span, span - 1, span + 1))
