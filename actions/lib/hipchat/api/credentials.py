"""The tokens that authorize calls to HipChat: a personal access token, or an integration's."""
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from requests.auth import AuthBase

from hipchat import timing
from hipchat.errors import NotInstalled

__all__ = ["Integration", "IntegrationToken", "PersonalToken", "Token"]


class Integration(NamedTuple):
    """The OAuth client (ID and secret) that HipChat issued when the integration was installed."""

    oauth_id: str
    secret: str


class Token(AuthBase):
    """The base class of tokens; itself, it stands for the token of an add-on that is not installed.

    A token is an auth object of the library `requests`. (If the token were only a header,
    `requests` would replace that header by credentials from ~/.netrc.)
    """

    @property
    def value(self) -> str:
        """The token as a string; raises NotInstalled if there is no token."""
        raise NotInstalled()

    @property
    def secrets(self) -> List[str]:
        """The strings that logs and errors must not contain."""
        return []

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = "Bearer " + self.value
        return request

    def renewed(self) -> bool:
        """Discard a token that HipChat rejected; return whether a new one can be fetched."""
        return False


class PersonalToken(Token):
    """A personal access token, which a user made in HipChat. The pack cannot renew it."""

    def __init__(self, token: str):
        self._token = token

    @property
    def value(self) -> str:
        return self._token

    @property
    def secrets(self) -> List[str]:
        return [self._token]


class IntegrationToken(Token):
    """An integration's token. It is fetched at the first call, and renewed before it expires."""

    def __init__(self, integration: Integration, fetch: Callable[[Dict[str, str]], Dict[str, Any]]):
        """Make a token that is not fetched yet.

        Args:
            fetch: posts a form to /v2/oauth/token, authorized as the OAuth client, and returns the
                response: access_token, and expires_in in seconds.
        """
        self._integration, self._fetch = integration, fetch
        self._token: Optional[str] = None
        self._ends = 0.0

    @property
    def secrets(self) -> List[str]:
        return [self._integration.secret] + ([self._token] if self._token else [])

    @property
    def value(self) -> str:
        if self._token is None or time.monotonic() >= self._ends:
            # Without `scope` the token has all scopes of the integration.
            answer = self._fetch({"grant_type": "client_credentials"})
            self._token = answer["access_token"]
            self._ends = time.monotonic() + float(answer["expires_in"]) - timing.TOKEN_RENEWAL_DELAY
        return self._token

    def renewed(self) -> bool:
        had, self._token = self._token, None
        return had is not None
