"""Decides who may run a command in a room: no one, unless the config allows it."""
from fnmatch import fnmatchcase
from typing import List, Optional, Set

from chatops.settings import ChatOpsSettings, Grant

__all__ = ["Permissions"]


class Permissions:
    """The config's `allow`; a command is named pack.alias, people and rooms are their ids."""

    def __init__(self, settings: ChatOpsSettings):
        self._settings = settings

    def any(self, person: int, room: int) -> bool:
        """Whether the person may run anything at all in the room."""
        return any(self._covers(grant, person, room) for grant in self._settings.allow)

    def may(self, command: str, person: int, room: int) -> bool:
        """Whether the person may run the command in the room."""
        return any(self._covers(grant, person, room) and _names(grant, command)
                   for grant in self._settings.allow)

    def anybody_may(self, command: str) -> bool:
        """Whether anybody may run the command anywhere."""
        return any(_names(grant, command) for grant in self._settings.allow)

    def who(self, command: str, room: int) -> Optional[List[int]]:
        """Return who may run the command in the room; None for everybody."""
        found: Set[int] = set()
        for grant in self._settings.allow:
            if _names(grant, command) and self._in_room(grant, room):
                if grant.people is None:
                    return None
                found |= grant.people
        return sorted(found)

    def _covers(self, grant: Grant, person: int, room: int) -> bool:
        return self._in_room(grant, room) and (grant.people is None or person in grant.people)

    def _in_room(self, grant: Grant, room: int) -> bool:
        return room in self._settings.rooms and (grant.rooms is None or room in grant.rooms)


def _names(grant: Grant, command: str) -> bool:
    return any(fnmatchcase(command, pattern) for pattern in grant.commands)
