"""hipchat.whoami: tell whose token the pack uses, and what it may do."""
from base import HipChatAction, Result
from hipchat.check.token import token_kind

__all__ = ["WhoamiAction"]


class WhoamiAction(HipChatAction):
    """GET /v2/oauth/token/{token}, which needs no scope."""

    def do(self) -> Result:
        """HipChat's session without the token, and `kind`."""
        info = self.hipchat.token_info()
        return dict(info, kind=token_kind(info))
