"""How rooms are referred to: by id or by name, which are never compared with each other."""

__all__ = ["is_room_id"]

LONGEST_ID = 19  # digits, of an integer of 64 bits


def is_room_id(reference: str) -> bool:
    """Whether a reference to a room is an id, as HipChat reads it: all digits. Else it is a name.

    So a room that somebody calls 1003 is not the room 1003.
    """
    return reference.isascii() and reference.isdigit() and len(reference) <= LONGEST_ID
