"""The tokens that authorize calls to HipChat: a personal access token, or an integration's."""
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from requests.auth import AuthBase

from hipchat import timing
from hipchat.errors import NotInstalled

__all__ = ["Integration", "IntegrationToken", "Token"]


class Integration(NamedTuple):
    """The OAuth client (ID and secret) that HipChat issued when the integration was installed."""

    oauth_id: str
    secret: str


class Token(AuthBase):
    """A personal access token, which a user made in HipChat. The pack cannot renew it.

    It is an auth object of the library `requests`. (If the token were only a header, `requests`
    would replace that header by credentials from ~/.netrc.)

    Args:
        token: None for an add-on that is not installed.
    """

    def __init__(self, token: Optional[str] = None):
        self._token = token

    @property
    def value(self) -> str:
        """The token as a string; raises NotInstalled if there is no token."""
        if not self._token:
            raise NotInstalled()
        return self._token

    @property
    def secrets(self) -> List[str]:
        """The strings that logs and errors must not contain."""
        return [self._token] if self._token else []

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = "Bearer " + self.value
        return request

    def renewed(self) -> bool:
        """Discard a token that HipChat rejected; return whether a new one can be fetched."""
        return False


class IntegrationToken(Token):
    """An integration's token. It is fetched at the first call, and renewed before it expires.

    Args:
        fetch: posts a form to /v2/oauth/token, authorized as the OAuth client, and returns the
            response: access_token, and expires_in in seconds.
    """

    def __init__(self, integration: Integration, fetch: Callable[[Dict[str, str]], Dict[str, Any]]):
        super().__init__()
        self._integration, self._fetch = integration, fetch
        self._ends = 0.0

    @property
    def secrets(self) -> List[str]:
        return [self._integration.secret] + super().secrets

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
