"""hipchat.enable_chatops: let commands be given in rooms, or no longer."""
from base import HipChatAction
from chatops.accounts import Accounts
from chatops.rules import RULES, disable, enable
from chatops.settings import ChatOpsSettings

__all__ = ["EnableChatopsAction"]


class EnableChatopsAction(HipChatAction):
    """Enables the three rules of ChatOps, the first with the config's prefix as its filter."""

    def do(self, enabled=True):
        """{"rules": their refs, "enabled": whether they are}."""
        if enabled:
            settings = ChatOpsSettings.from_config(self.config)
            enable(Accounts(settings).own(), settings.prefix)
        else:  # also where the config has no chatops any more
            disable(Accounts().own())
        return {"rules": list(RULES), "enabled": enabled}
