"""Lists the people of the HipChat group.

Calls GET /v2/user, which needs the scope view_group.
"""
from base import HipChatAction, Result


class ListUsersAction(HipChatAction):
    def do(self, limit: int = 1000, include_guests: bool = False, include_deleted: bool = False,
           expand: bool = False) -> Result:
        """Return {"users": HipChat's users}; `expand` adds the users' other fields."""
        return {"users": list(self.hipchat.items("user", limit=limit, **{
            "include-guests": str(include_guests).lower(),
            "include-deleted": str(include_deleted).lower(),
            "expand": "items" if expand else None}))}
