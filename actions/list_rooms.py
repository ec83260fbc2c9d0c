"""Lists the rooms that the token's owner can see.

Calls GET /v2/room, which needs the scope view_group or view_room.
"""
from base import HipChatAction, Result


class ListRoomsAction(HipChatAction):
    def do(self, limit: int = 1000, include_private: bool = True, include_archived: bool = False,
           expand: bool = False) -> Result:
        """Return {"rooms": HipChat's rooms}; `expand` adds the rooms' other fields."""
        return {"rooms": list(self.hipchat.items("room", limit=limit, **{
            "include-private": str(include_private).lower(),
            "include-archived": str(include_archived).lower(),
            "expand": "items" if expand else None}))}
