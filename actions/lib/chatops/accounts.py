"""Which account of StackStorm's a call is made with."""
from typing import Callable, Dict, NamedTuple

from chatops.errors import CommandRejected
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm

__all__ = ["Accounts", "Platform"]


class Platform(NamedTuple):
    """The StackStorm in which this process runs, and the account that it has there.

    api_url ends in /v1; headers returns what proves the account, nothing where StackStorm asks
    nobody who they are; username is that account's; stream_url: of the event stream;
    renew is called when StackStorm has refused what proves the account.
    """

    api_url: str
    headers: Callable[[], Dict[str, str]]
    username: str
    has_authentication: bool
    stream_url: str = ""
    renew: Callable[[], None] = lambda: None


class Accounts:
    """The accounts that the config names, or else the platform's own."""

    def __init__(self, settings: ChatOpsSettings, platform: Platform):
        self._settings, self._platform = settings, platform
        self._clients: Dict[str, StackStorm] = {}
        self._usernames: Dict[StackStorm, str] = {}

    @property
    def url(self) -> str:
        """The API's address, which ends in /v1."""
        return self._settings.api_url or self._platform.api_url

    def pack(self) -> StackStorm:
        """Return the account that reads aliases, executions and inquiries."""
        return self._with_key(self._settings.api_key or "")

    def of(self, requester_id: int) -> StackStorm:
        """Return the account under which a person's commands run.

        Raises:
            CommandRejected: the config has api_keys, and none for this person.
        """
        if not self._settings.api_keys:
            return self.pack()
        if requester_id not in self._settings.api_keys:
            raise CommandRejected("You have no account of StackStorm's here. chatops.api_keys in "
                                  "the pack's config needs a key for your id, {}.".format(
                                      requester_id))
        return self._with_key(self._settings.api_keys[requester_id])

    def headers(self) -> Dict[str, str]:
        """Return what proves the account of pack(), for a call that is made elsewhere."""
        key = self._settings.api_key
        return {"St2-Api-Key": key} if key else self._platform.headers()

    def note_refusal(self) -> None:
        """Authenticate again at the next call, because StackStorm refused the account of pack()."""
        self._platform.renew()

    def username(self, stackstorm: StackStorm) -> str:
        """Return the name of the StackStorm user whose account it is.

        StackStorm looks at the rights and the datastore keys of the user whose name a command
        states, so it must be the one who runs it.
        """
        if stackstorm not in self._usernames:
            own = not self._platform.has_authentication or (
                stackstorm is self._clients.get("") and bool(self._platform.username))
            self._usernames[stackstorm] = self._platform.username if own else (
                stackstorm.user()["username"])
        return self._usernames[stackstorm]

    def has_rbac(self, stackstorm: StackStorm) -> bool:
        """Return whether StackStorm looks at people's roles."""
        # Without authentication GET /v1/user fails with 500 and a traceback in StackStorm's log.
        return self._platform.has_authentication and stackstorm.user()["rbac"]["enabled"] is True

    def _with_key(self, key: str) -> StackStorm:
        """Return the client of an API key, or of the platform's account for ""."""
        if key not in self._clients:
            self._clients[key] = StackStorm(self.url, (lambda: {"St2-Api-Key": key}) if key else (
                self._platform.headers))
        return self._clients[key]
