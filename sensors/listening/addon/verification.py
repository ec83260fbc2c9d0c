"""Asks HipChat whether a claimed installation is real."""
from typing import Any, Dict, Optional

from hipchat.api.client import Client
from hipchat.api.credentials import Integration
from hipchat.config.addon import SCOPES
from hipchat.config.api_settings import ApiSettings
from hipchat.errors import ApiError, HipChatError, InvalidToken, RateLimited, ServerError
from listening.addon.claim import Claim, group_id
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
    """Verifies claimed installations: HipChat (at api_url) must issue a token for the OAuth client.

    A callback is unsigned, so it is not trusted. The token must have our scopes and be for the
    whole group, because HipChat also issues tokens for the clients of other add-ons, which may be
    for a single room. The tokens are used for nothing else.
    """

    def __init__(self, api: ApiSettings, health: Health):
        self._api, self._health = api, health
        self._client = Client(api._replace(rate_limit_wait=0))
        self._client.call_ended = health.metrics.other_call_ended

    def group(self, claim: Claim, integration: Integration,
              expected_group: Optional[int]) -> Optional[int]:
        """Verify a claimed installation, and return its group.

        Args:
            integration: the claimed OAuth client.
            expected_group: the ID of the only allowed group; None allows any.

        Returns:
            HipChat's ID of the group; None if neither HipChat nor the claim states it.

        Raises:
            InstallationRefused: HipChat issues no token for the add-on and the whole group, or the
                group is not the claimed and expected one.
        """
        verified = self._verified_group(integration)
        group = claim.group if verified is None else verified
        if claim.group not in (None, group) or expected_group not in (None, group):
            raise InstallationRefused("it is for another group")
        return group

    def is_unknown(self, integration: Integration) -> bool:
        """Return True if HipChat answers 401 for an OAuth client, as for a removed add-on.

        Returns False if HipChat issues a token for the OAuth client.

        Raises:
            HipChatError: HipChat answers with another error, or not at all.
        """
        try:
            self._token(integration)
        except InvalidToken:
            return True
        return False

    def _verified_group(self, integration: Integration) -> Optional[int]:
        """Return the ID of the group for which HipChat issues a token; None if none is stated.

        Raises:
            InstallationRefused: HipChat issues no token for the add-on and the whole group.
        """
        try:
            token = self._token(integration, scope=" ".join(SCOPES))
            info = self._token_info(token["access_token"])
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

    def _check_token(self, info: Dict[str, Any], integration: Integration) -> None:
        """Raise InstallationRefused unless a token is for this OAuth client and the whole group.

        Args:
            info: HipChat's information about the token, with its client and scopes. The scopes
                must include those of the add-on.
        """
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

    def _token(self, integration: Integration, **form: str) -> Dict[str, Any]:
        """Return HipChat's response with a token for an OAuth client.

        Args:
            form: further fields of the token request, such as `scope`.

        Raises:
            HipChatError: HipChat issues no token.
        """
        self._client.use(self._api._replace(integration=integration))
        try:
            return self._client.fetch_token({"grant_type": "client_credentials", **form})
        finally:
            self._client.use(self._api)  # the client masks its secrets in logs, claimed ones too

    def _token_info(self, token: str) -> Dict[str, Any]:
        """Return HipChat's information about a token, such as its client and scopes.

        Raises:
            HipChatError: HipChat does not return the information.
        """
        self._client.use(self._api._replace(integration=None, api_key=token))
        try:
            return self._client.token_info()
        finally:
            self._client.use(self._api)
