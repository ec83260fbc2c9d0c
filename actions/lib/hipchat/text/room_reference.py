"""Checks a reference to a room, which is a name or an ID."""
from typing import Any

__all__ = ["is_room_id", "room_key"]

LONGEST_ROOM = 100  # characters of {room_id_or_name} in HipChat's API v2
LONGEST_ID = 19  # digits, of an integer of 64 bits


def room_key(value: Any) -> str:
    """Return a room's name or ID (a string, or an ID as an integer) as a string.

    Raises:
        ValueError: the reference is invalid. Its message is a predicate such as "must be ...", for
            the caller to put after "The room".
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be the name or the id of a room")
    value = value.strip()  # no room has a blank at an end of its name
    if len(value) > LONGEST_ROOM:
        raise ValueError(f"must have at most {LONGEST_ROOM} characters")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise ValueError("must not contain control characters")
    return value


def is_room_id(reference: str) -> bool:
    """Return whether a reference is an ID and not a name: HipChat takes all digits for an ID.

    So 1003 always means the room with that ID, never a room with the name "1003".
    """
    return reference.isascii() and reference.isdigit() and len(reference) <= LONGEST_ID
