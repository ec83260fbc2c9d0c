"""How to reach HipChat, of the pack's config."""
from typing import Any, Dict, NamedTuple, Optional, Union

from hipchat.config.addon import REFERENCE, AddonSettings
from hipchat.config.reader import ConfigReader
from hipchat.config.validators import API_URL_EXAMPLE
from hipchat.api.credentials import Integration
from hipchat.errors import NotInstalled, ParameterError

__all__ = ["ApiSettings", "addon_settings"]


class ApiSettings(NamedTuple):
    """How to reach HipChat: all that an action needs.

    Attributes:
        api_key: a personal token; beside an add-on it is for what only users may do.
        integration: the OAuth client that is set by hand, or the installed add-on's.
        api_url: ends in /v2.
        verify: what requests takes: True, False or the path of a bundle.
        timeout, rate_limit_wait: seconds.
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
        """Read the config.

        Raises:
            ConfigError: names every wrong value with its remedy.
            NotInstalled: there is nothing but an add-on that is not installed.
        """
        reader = ConfigReader(config)
        settings = cls.read(reader)
        reader.finish()
        if not (settings.api_key or settings.integration):
            raise NotInstalled()
        return settings

    def of_user(self) -> "ApiSettings":
        """Return the settings for what HipChat lets users do only: those of api_key.

        Raises:
            ParameterError: there is an add-on and no api_key.
        """
        if not self.addon.enabled or self.integration is None:
            return self
        if self.api_key is None:
            raise ParameterError(
                "HipChat lets users do this, and no add-on. Set api_key in the pack's config, "
                "beside addon, to the personal access token of a user.")
        return self._replace(integration=None)  # pylint: disable=no-member

    def without_installation(self) -> "ApiSettings":
        """Return them without what is kept of an add-on, which changes while the sensor runs."""
        integration = None if self.addon.enabled else self.integration
        return self._replace(  # pylint: disable=no-member
            addon=self.addon._replace(kept=None), integration=integration)

    @classmethod
    def read(cls, reader: ConfigReader) -> "ApiSettings":
        """Take them from a reader, which raises when all is read."""
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


def addon_settings(config: Optional[Dict[str, Any]]) -> AddonSettings:
    """Return what the config says of the add-on, of which the sensor's settings have a part only.

    Raises:
        ConfigError: names every wrong value with its remedy.
    """
    reader = ConfigReader(config)
    settings = _addon(reader)
    reader.finish()
    return settings


def _addon(reader: ConfigReader) -> AddonSettings:
    settings = AddonSettings(reader.value("addon.enabled"), reader.value("addon.credentials"),
                             reader.value("addon.group"))
    if settings.enabled and "credentials" not in reader.section("addon"):
        reader.wrong("addon.credentials", f"set it to \"{REFERENCE}\", which is where the sensor "
                     "keeps what HipChat gives an add-on")
    if settings.enabled and reader.given("oauth.id"):
        reader.wrong("addon", "set either addon or oauth; an add-on gets its OAuth client by "
                     "itself")
    return settings


def _integration(reader: ConfigReader) -> Optional[Integration]:
    client, secret = reader.value("oauth.id"), reader.value("oauth.secret")
    if not (client or secret):
        return None
    if not (client and secret):
        reader.wrong("oauth", "an integration needs both oauth.id and oauth.secret")
    if reader.given("api_key"):
        reader.wrong("oauth", "set either api_key, for a personal access token, or oauth, for an "
                     "integration")
    return Integration(client or "", secret or "")
