"""Chooses the StackStorm account (an API key, or the sensor's own account) for each API call."""
from typing import Callable, Dict, NamedTuple

from chatops.errors import CommandRejected
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm

__all__ = ["Accounts", "Platform"]


class Platform(NamedTuple):
    """The StackStorm in which this process runs, and the account that StackStorm gave this process.

    Attributes:
        api_url: the URL of StackStorm's API, which ends in /v1.
        headers: returns the headers that authenticate the account; {} without authentication.
        username: the account's StackStorm user; "" if it is not known.
        stream_url: the URL of StackStorm's event stream; "" outside the sensor.
        has_authentication: whether StackStorm requires authentication.
        renew: called after StackStorm has rejected the headers; then headers() returns new ones.
    """

    api_url: str
    headers: Callable[[], Dict[str, str]]
    username: str
    has_authentication: bool
    stream_url: str = ""
    renew: Callable[[], None] = lambda: None


class Accounts:
    """Makes the StackStorm clients for the config's API keys and for the platform's account."""

    def __init__(self, settings: ChatOpsSettings, platform: Platform):
        self._settings, self._platform = settings, platform
        self._clients: Dict[str, StackStorm] = {}  # by API key; "" for the platform's account

    def pack(self) -> StackStorm:
        """Return the client that reads aliases, executions and inquiries.

        Its account is that of the config's chatops.api_key, or else the platform's.
        """
        return self._with_key(self._settings.api_key or "")

    def of(self, requester_id: int) -> StackStorm:
        """Return the client that runs a person's commands; without chatops.api_keys, it is pack().

        Raises CommandRejected if the config has api_keys, but none for this person.
        """
        if not self._settings.api_keys:
            return self.pack()
        if requester_id not in self._settings.api_keys:
            raise CommandRejected("You have no StackStorm account here. Ask for a key for your id, "
                                  f"{requester_id}, in the pack's config (chatops.api_keys).")
        return self._with_key(self._settings.api_keys[requester_id])

    def note_refusal(self) -> None:
        """Note that StackStorm rejected a call of pack(), so that the next authenticates again."""
        self._platform.renew()

    def username(self, stackstorm: StackStorm) -> str:
        """Return the name of a client's StackStorm user, whose rights and datastore keys count."""
        if not self._platform.has_authentication or stackstorm is self._clients.get(""):
            return self._platform.username
        return stackstorm.username

    def has_rbac(self, stackstorm: StackStorm) -> bool:
        """Return whether StackStorm checks users' roles (RBAC)."""
        # Without authentication GET /v1/user fails with 500 and a traceback in StackStorm's log.
        return self._platform.has_authentication and stackstorm.user()["rbac"]["enabled"] is True

    def _with_key(self, key: str) -> StackStorm:
        if key not in self._clients:
            headers = (lambda: {"St2-Api-Key": key}) if key else self._platform.headers
            self._clients[key] = StackStorm(
                self._settings.api_url or self._platform.api_url, headers)
        return self._clients[key]
