"""Finds the ID of a room from its name, in HipChat's list of rooms. (The pack uses only IDs.)"""
from typing import Any, Dict, Iterable, List, Optional

from hipchat.api.client import Client
from hipchat.errors import Forbidden, NotFound
from hipchat.text.room_reference import is_room_id

__all__ = ["RoomDirectory", "find_rooms"]

Room = Dict[str, Any]


def find_rooms(client: Client, references: Iterable[str]) -> List[Room]:
    """Return HipChat's rooms, archived ones too, as HipChat lists them.

    Calls GET /v2/room, 1,000 rooms a page, with the scope view_group or view_room. If the token has
    no permission to list rooms, calls GET /v2/room/{name} for each name among the references (names
    or IDs) instead.

    Raises:
        Forbidden: the token can neither list rooms nor see any of these rooms.
    """
    params: Dict[str, Any] = {"include-archived": "true"}
    try:
        return list(client.items("room", **params))
    except Forbidden as error:
        refused = error
    rooms = []
    for reference in sorted(set(references)):
        try:
            rooms += [] if is_room_id(reference) else [client.call("GET", "room", reference)]
        except (Forbidden, NotFound):
            pass
    if not rooms:
        raise refused
    return rooms


class RoomDirectory:
    """The rooms as HipChat listed them last, to look them up by ID or by name.

    Attributes:
        is_loaded: whether replace() was called.
        had_rooms: whether any list so far has contained a room.
        version: the number of changes of the list.
    """

    def __init__(self) -> None:
        self._rooms: Dict[int, Room] = {}
        self._ids: Dict[str, int] = {}
        self._ids_ignoring_case: Dict[str, List[int]] = {}
        self.is_loaded = self.had_rooms = False
        self.version = 0

    def replace(self, rooms: Iterable[Any]) -> None:
        """Replace all rooms by a new list of HipChat's objects; leave out invalid ones."""
        # If two rooms share a name, the name means the room that is not archived.
        listed = sorted(filter(_is_room, rooms), key=lambda room: not room.get("is_archived"))
        by_id = {room["id"]: room for room in listed}
        if self.is_loaded and by_id == self._rooms:
            return
        self._rooms = by_id
        self._ids = {room["name"]: room["id"] for room in listed}
        self._ids_ignoring_case = {}
        for name, room_id in self._ids.items():
            self._ids_ignoring_case.setdefault(name.casefold(), []).append(room_id)
        self.version += 1
        self.is_loaded, self.had_rooms = True, self.had_rooms or bool(listed)

    def __len__(self) -> int:
        return len(self._rooms)

    def id_of(self, reference: str) -> Optional[int]:
        """Return the ID of a room given by ID or name; None if no room has the name.

        If no name equals the reference, case is ignored, and only one room may have the name.
        """
        if is_room_id(reference):
            return int(reference)
        alike = self._ids_ignoring_case.get(reference.casefold(), [])
        return self._ids.get(reference, alike[0] if len(alike) == 1 else None)

    def name_of(self, room_id: int) -> Optional[str]:
        """Return the room's name; None if HipChat did not list the room."""
        return self._rooms[room_id]["name"] if room_id in self._rooms else None

    def room(self, room_id: int) -> Room:
        """Return HipChat's object of a room; {"id": room_id} if HipChat did not list the room."""
        return self._rooms.get(room_id, {"id": room_id})

    def open_rooms(self) -> List[int]:
        """Return the IDs of the rooms that are not archived."""
        return [room_id for room_id, room in self._rooms.items() if not room.get("is_archived")]

    def is_archived(self, room_id: int) -> bool:
        """Return whether HipChat lists the room as archived."""
        return bool(self._rooms.get(room_id, {}).get("is_archived"))


def _is_room(room: Any) -> bool:
    return isinstance(room, dict) and isinstance(room.get("name"), str) and (
        type(room.get("id")) is int)
