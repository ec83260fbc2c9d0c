"""Asks HipChat whether a claimed installation is real."""
import contextlib
from typing import Any, Dict, Iterator, Optional

from hipchat.api.client import Client
from hipchat.api.credentials import Integration
from hipchat.config.addon import SCOPES
from hipchat.config.api_settings import ApiSettings
from hipchat.errors import ApiError, HipChatError, RateLimited, ServerError
from listening.addon.claim import group_id
from listening.operations.health import Health

__all__ = ["InstallationRefused", "Verifier"]


class InstallationRefused(Exception):
    """A callback about an installation is refused; the message is safe to send to the client.

    Attributes:
        try_again: True if a later attempt may succeed (HTTP 503); False if it cannot (403).
    """

    def __init__(self, reason: str, try_again: bool = False):
        self.try_again = try_again
        super().__init__(f"The installation is refused: {reason.rstrip('.')}.")


class Verifier:
    """Asks HipChat (at api_url) for tokens for a claimed OAuth client; uses them for nothing else.

    A callback is unsigned, so it is not trusted. HipChat must issue a token with our scopes and for
    the whole group, because it also issues tokens for the clients of other add-ons, which may be
    for a single room.
    """

    def __init__(self, api: ApiSettings, health: Health):
        self._api, self._health = api._replace(rate_limit_wait=0), health
        self._client = Client(self._api)
        self._client.call_ended = health.metrics.other_call_ended

    def group(self, integration: Integration) -> Optional[int]:
        """Return the ID of the group for which HipChat issues a token; None if it states none.

        Raises:
            InstallationRefused: HipChat issues no token for the add-on and the whole group.
        """
        try:
            token = self.token(integration, scope=" ".join(SCOPES))
            with self._using(integration=None, api_key=token["access_token"]):
                info = self._client.token_info()
            group = group_id(token.get("group_id"))
        except (RateLimited, ServerError) as error:
            raise InstallationRefused(f"HipChat answers {error.status} now; try again",
                                      try_again=True) from None
        except ApiError:
            raise InstallationRefused("HipChat gives no token for it") from None
        except HipChatError:
            raise InstallationRefused("HipChat does not answer now; try again",
                                      try_again=True) from None
        except ValueError:
            raise InstallationRefused("HipChat's group_id for it cannot be read") from None
        self._check_token(info, integration)
        return group

    def token(self, integration: Integration, **form: str) -> Dict[str, Any]:
        """Return HipChat's response with a token for an OAuth client.

        `form` has further fields of the token request, such as scope. Raises HipChatError without a
        token: InvalidToken if HipChat answers 401.
        """
        with self._using(integration=integration):
            return self._client.fetch_token({"grant_type": "client_credentials", **form})

    @contextlib.contextmanager
    def _using(self, **credentials: Any) -> Iterator[None]:
        self._client.use(self._api._replace(**credentials))
        try:
            yield
        finally:
            self._client.use(self._api)  # the client masks its secrets in logs, claimed ones too

    def _check_token(self, info: Dict[str, Any], integration: Integration) -> None:
        """Raise InstallationRefused unless a token is for this OAuth client and the whole group."""
        client, scopes = info.get("client"), info.get("scopes")
        if not isinstance(client, dict) or client.get("id") != integration.oauth_id:
            reason = "its token is another client's"
        elif client.get("room") is not None:
            reason = "it is for one room, and not for the whole group"
        elif not isinstance(scopes, list) or not set(SCOPES) <= set(map(str, scopes)):
            reason = "its token lacks scopes that the add-on's descriptor asks for"
        else:
            return
        self._health.record_incident(
            "add-on", "an installation was refused",
            f"HipChat gives a token for {integration.oauth_id}, but {reason}. The client belongs "
            "to another add-on, or to this one with old scopes: remove it in HipChat, and install "
            "the add-on again.")
        raise InstallationRefused(reason)
