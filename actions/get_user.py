"""Gets HipChat's information about a person.

Calls GET /v2/user/{id_or_email}, which needs the scope view_group.
"""
from base import HipChatAction, Result
from hipchat.api.limits import check_length


class GetUserAction(HipChatAction):
    def do(self, user: str) -> Result:
        """Return the user as HipChat describes them; `presence` is null if the user is offline."""
        check_length("user", user, 1, 100)
        return self.hipchat.ask("GET", "user", user)
