"""Which room is meant: rooms are their ids, and names are looked up in HipChat's list of rooms."""
from typing import Any, Dict, Iterable, List, Optional

from hipchat.api.client import Client
from hipchat.errors import Forbidden, NotFound
from hipchat.text.room_reference import is_room_id

__all__ = ["RoomDirectory", "find_rooms"]

Room = Dict[str, Any]


def find_rooms(client: Client, references: Iterable[str]) -> List[Room]:
    """Return HipChat's rooms, archived ones too, among them those that are meant by the references.

    GET /v2/room, 1,000 a page, with the scope view_group or view_room; for a token that may not
    list, GET /v2/room/{name} for each name.

    Raises:
        Forbidden: that is refused for all.
    """
    params: Dict[str, Any] = {"include-archived": "true"}
    try:
        return list(client.items("room", **params))
    except Forbidden as error:
        refused = error
    found = []
    for name in sorted(set(references)):
        try:
            found += [] if is_room_id(name) else [client.call("GET", "room", name)]
        except (Forbidden, NotFound):
            pass
    if not found:
        raise refused
    return found


class RoomDirectory:
    """The rooms by name, as HipChat listed them last.

    Attributes:
        loaded: whether HipChat has answered.
        told: whether it has listed any room.
        version: counts the changes.
    """

    def __init__(self) -> None:
        self._rooms: Dict[int, Room] = {}
        self._ids: Dict[str, int] = {}
        self._alike: Dict[str, List[int]] = {}
        self.loaded = self.told = False
        self.version = 0

    def take(self, rooms: Iterable[Any]) -> None:
        """Replace all rooms by these HipChat objects, with id, name and is_archived."""
        # Should two share a name, an archived one gives way to one that is in use.
        told = sorted(filter(_is_room, rooms), key=lambda room: not room.get("is_archived"))
        found = {room["id"]: room for room in told}
        if self.loaded and found == self._rooms:
            return
        self._rooms = found
        self._ids = {room["name"]: room["id"] for room in told}
        self._alike = {}
        for name, number in self._ids.items():
            self._alike.setdefault(name.casefold(), []).append(number)
        self.version += 1
        self.loaded, self.told = True, self.told or bool(told)

    def __len__(self) -> int:
        return len(self._rooms)

    def id_of(self, reference: str) -> Optional[int]:
        """Return the ID of the room that a reference means now; None if no room has that name.

        Case is ignored if that leaves one room with the name.
        """
        if is_room_id(reference):
            return int(reference)
        alike = self._alike.get(reference.casefold(), [])
        return self._ids.get(reference, alike[0] if len(alike) == 1 else None)

    def name_of(self, number: int) -> Optional[str]:
        """What a room is called now; None for one that HipChat does not tell of."""
        return self._rooms[number]["name"] if number in self._rooms else None

    def room(self, number: int) -> Room:
        """What HipChat tells of a room: id, name, links, ...; the id alone where it does not."""
        return self._rooms.get(number, {"id": number})

    def open_rooms(self) -> List[int]:
        """The ids of the rooms that are not archived."""
        return [number for number, room in self._rooms.items() if not room.get("is_archived")]

    def is_archived(self, number: int) -> bool:
        """Whether HipChat says so."""
        return bool(self._rooms.get(number, {}).get("is_archived"))


def _is_room(room: Any) -> bool:
    return isinstance(room, dict) and isinstance(room.get("name"), str) and (
        type(room.get("id")) is int)
