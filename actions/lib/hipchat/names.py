"""What rooms are called by: a name or an id, as text or as a number."""
from typing import Any

__all__ = ["room_key"]

LONGEST_ROOM = 100  # characters of {room_id_or_name} in HipChat's API v2


def room_key(value: Any) -> str:
    """A room's name or id as text; ValueError says what is wrong with it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be the name or the id of a room")
    value = value.strip()  # no room has a blank at an end of its name
    if len(value) > LONGEST_ROOM:
        raise ValueError("must have at most {} characters".format(LONGEST_ROOM))
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise ValueError("must not contain control characters")
    return value
