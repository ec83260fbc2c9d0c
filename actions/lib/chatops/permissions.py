"""Decides who is allowed to run a command in a room, by the pack's config."""
from fnmatch import fnmatchcase
from typing import List, Optional, Set

from chatops.settings import ChatOpsSettings, Grant

__all__ = ["Permissions"]


class Permissions:
    """Decides who is allowed to run which command in which room, by the full names of aliases."""

    def __init__(self, settings: ChatOpsSettings):
        self._settings = settings

    def may_any(self, person_id: int, room_id: int) -> bool:
        """Return whether the person is allowed to run at least one command in the room."""
        return any(self._covers(grant, person_id, room_id) for grant in self._settings.allow)

    def may(self, command: str, person_id: int, room_id: int) -> bool:
        """Return whether the person is allowed to run the command in the room."""
        return any(self._covers(grant, person_id, room_id) and _names(grant, command)
                   for grant in self._settings.allow)

    def is_granted(self, command: str) -> bool:
        """Return whether anyone is allowed to run the command in any room."""
        return any(_names(grant, command) for grant in self._settings.allow)

    def people_for(self, command: str, room_id: int) -> Optional[List[int]]:
        """Return the IDs of the people who are allowed to run the command; None for everyone."""
        people_ids: Set[int] = set()
        for grant in self._settings.allow:
            if _names(grant, command) and self._in_room(grant, room_id):
                if grant.people is None:
                    return None
                people_ids |= grant.people
        return sorted(people_ids)

    def _covers(self, grant: Grant, person_id: int, room_id: int) -> bool:
        return self._in_room(grant, room_id) and (
            grant.people is None or person_id in grant.people)

    def _in_room(self, grant: Grant, room_id: int) -> bool:
        return room_id in self._settings.rooms and (grant.rooms is None or room_id in grant.rooms)


def _names(grant: Grant, command: str) -> bool:
    """Return whether a pattern of the grant matches the command."""
    return any(fnmatchcase(command, pattern) for pattern in grant.commands)
