"""The action hipchat.whoami: show the owner, the kind and the scopes of the pack's token."""
from base import HipChatAction, Result
from hipchat.check.token import token_kind

__all__ = ["WhoamiAction"]


class WhoamiAction(HipChatAction):
    """Shows the owner, the kind and the scopes of the pack's token.

    Calls GET /v2/oauth/token/{token}, which needs no scope.
    """

    def do(self) -> Result:
        """Return HipChat's information on the token, without the token itself, and its `kind`."""
        info = self.hipchat.token_info()
        return dict(info, kind=token_kind(info))
