"""Whose account of StackStorm's a call is made with."""
import os
from typing import Dict, Optional

from chatops.errors import CommandRejected
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from hipchat.errors import ConfigError

__all__ = ["Accounts"]


class Accounts:
    """The accounts that the config names, on the StackStorm that runs this action.

    It tells each action where it is and gives it a token, which is the system user's where a rule
    started the action. settings: None where own() alone is asked.
    """

    def __init__(self, settings: Optional[ChatOpsSettings] = None):
        self._settings = settings
        # Read at once: another action's may follow in the same process.
        self._url = os.environ.get("ST2_ACTION_API_URL")
        self._token = os.environ.get("ST2_ACTION_AUTH_TOKEN")
        self.execution_id = os.environ.get("ST2_ACTION_EXECUTION_ID", "")
        if not self._url:
            raise ConfigError(["ST2_ACTION_API_URL is not set: this works in StackStorm only"])

    def pack(self) -> StackStorm:
        """The pack's own: api_key's, or else the action's token."""
        return self._with_key(self._settings.api_key) if self._settings.api_key else self.own()

    def own(self) -> StackStorm:
        """That of the action's token: whoever started the action."""
        return StackStorm(self._url, {"X-Auth-Token": self._token} if self._token else {})

    def of(self, person: int) -> StackStorm:
        """That under which a person's commands run; CommandRejected where they have none."""
        if not self._settings.api_keys:
            return self.pack()
        if person not in self._settings.api_keys:
            raise CommandRejected("You have no account of StackStorm's here. chatops.api_keys in "
                                  "the pack's config needs a key for your id, {}.".format(person))
        return self._with_key(self._settings.api_keys[person])

    def _with_key(self, key: str) -> StackStorm:
        headers: Dict[str, str] = {"St2-Api-Key": key}
        return StackStorm(self._url, headers)
