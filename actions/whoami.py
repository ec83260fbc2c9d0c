"""Shows the owner, the kind and the scopes of the pack's token.

Calls GET /v2/oauth/token/{token}, which needs no scope.
"""
from base import HipChatAction, Result
from hipchat.check.token import token_kind


class WhoamiAction(HipChatAction):
    def do(self) -> Result:
        """Return HipChat's information on the token, without the token itself, and its `kind`."""
        info = self.hipchat.token_info()
        return dict(info, kind=token_kind(info))
