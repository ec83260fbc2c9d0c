"""hipchat.enable_chatops: let commands be given in rooms, or no longer."""
from base import HipChatAction
from chatops.accounts import Accounts
from chatops.rules import switch
from chatops.settings import ChatOpsSettings

__all__ = ["EnableChatopsAction"]


class EnableChatopsAction(HipChatAction):
    """Enables the three rules of ChatOps, the first with the config's prefix as its filter."""

    def do(self, enabled=True):
        """{"rules": their refs, "enabled": whether they are}."""
        settings = ChatOpsSettings.from_config(self.config)
        rules = switch(Accounts(settings).own(), settings.prefix, enabled)
        return {"rules": rules, "enabled": enabled}
