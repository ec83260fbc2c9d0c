"""The part of the pack's config that says how to call HipChat: URL, token, TLS and timeouts."""
from typing import Any, Dict, NamedTuple, Optional, Union

from hipchat.config.addon import REFERENCE, AddonSettings
from hipchat.config.reader import ConfigReader
from hipchat.config.validators import API_URL_EXAMPLE
from hipchat.api.credentials import Integration
from hipchat.errors import NotInstalled, ParameterError

__all__ = ["ApiSettings"]


class ApiSettings(NamedTuple):
    """The settings for calls to HipChat; most actions need no others.

    Attributes:
        addon: the section `addon`, with the stored add-on.
        api_key: a personal token. An add-on uses it only for calls that HipChat allows only to
            users.
        integration: the OAuth client from the config's `oauth`, or that of the installed add-on.
        api_url: ends in /v2.
        default_room: the name or ID of the room for an action without a room.
        verify: which TLS certificates to trust, as `requests` takes it: True for those that the
            system trusts, the path of a file with authorities, or False for all.
        timeout: seconds for the response to a request.
        rate_limit_wait: the longest wait in seconds until HipChat allows more calls.
    """

    addon: AddonSettings
    api_key: Optional[str]
    integration: Optional[Integration]
    api_url: str
    default_room: Optional[str]
    verify: Union[bool, str]
    timeout: float
    rate_limit_wait: float

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "ApiSettings":
        """Read the settings from the pack's config.

        Raises:
            ConfigError: a value is wrong; the error names every wrong value with its remedy.
            NotInstalled: the add-on is not installed, and there is no other token.
        """
        reader = ConfigReader(config)
        settings = cls.read(reader)
        reader.finish()
        if not (settings.api_key or settings.integration):
            raise NotInstalled()
        return settings

    def of_user(self) -> "ApiSettings":
        """Return the settings for calls that HipChat allows only to users: an add-on uses api_key.

        Raises:
            ParameterError: the pack is an add-on without api_key.
        """
        if not self.addon.enabled or self.integration is None:
            return self
        if self.api_key is None:
            raise ParameterError(
                "HipChat allows this to users, not to add-ons. Set api_key in the pack's config, "
                "beside addon, to the personal access token of a user.")
        return self._replace(integration=None)  # pylint: disable=no-member

    @classmethod
    def read(cls, reader: ConfigReader) -> "ApiSettings":
        """Read the settings; the caller then calls reader.finish(), which raises ConfigError."""
        get = reader.value
        addon, integration = _addon(reader), _integration(reader)
        if not reader.given("api_url"):
            reader.wrong("api_url", "set it to a URL such as " + API_URL_EXAMPLE)
        if not (integration or addon.enabled or reader.given("api_key")):
            reader.wrong("api_key", "set it to a personal access token of HipChat (Account "
                         "settings > API access)")
        return cls(
            addon=addon,
            api_key=None if integration else get("api_key"),
            integration=integration or addon.integration,
            api_url=get("api_url") or "",
            default_room=get("default_room"),
            verify=(get("ca_bundle") or True) if get("verify_tls") else False,
            timeout=get("timeout"),
            rate_limit_wait=get("rate_limit_wait"))


def _addon(reader: ConfigReader) -> AddonSettings:
    settings = AddonSettings(reader.value("addon.enabled"), reader.value("addon.credentials"),
                             reader.value("addon.group"))
    if settings.enabled and "credentials" not in reader.section("addon"):
        reader.wrong("addon.credentials", f"set it to \"{REFERENCE}\", where the sensor stores the "
                     "add-on's credentials")
    if settings.enabled and reader.given("oauth.id"):
        reader.wrong("addon", "set either addon or oauth; HipChat gives an add-on its OAuth client")
    return settings


def _integration(reader: ConfigReader) -> Optional[Integration]:
    oauth_id, secret = reader.value("oauth.id"), reader.value("oauth.secret")
    if not (oauth_id or secret):
        return None
    if not (oauth_id and secret):
        reader.wrong("oauth", "an integration needs both oauth.id and oauth.secret")
    if reader.given("api_key"):
        reader.wrong("oauth", "set either api_key, for a personal access token, or oauth, for an "
                     "integration")
    return Integration(oauth_id or "", secret or "")
