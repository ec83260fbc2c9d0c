"""How to reach HipChat, of the pack's config."""
from typing import Any, Dict, NamedTuple, Optional, Union

from hipchat.config.addon import AddonSettings
from hipchat.config.reader import ConfigReader
from hipchat.api.credentials import Integration
from hipchat.errors import NotInstalled, ParameterError

__all__ = ["ApiSettings", "addon_settings"]


class ApiSettings(NamedTuple):
    """How to reach HipChat: all that an action needs.

    integration: set by hand, or the installed add-on's; api_key: a personal token, with an add-on
    for what only users may do, else in place of integration; api_url ends in /v2; verify is what
    requests takes (True, False or the path of a bundle); timeout and rate_limit_wait are seconds.
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
        """Read the config; ConfigError names every wrong value with its remedy.

        NotInstalled where there is nothing but an add-on that is not installed.
        """
        reader = ConfigReader(config)
        settings = cls.read(reader)
        reader.finish()
        if not (settings.api_key or settings.integration):
            raise NotInstalled()
        return settings

    def of_user(self) -> "ApiSettings":
        """For what HipChat lets users do only: as the user of api_key, beside an add-on.

        ParameterError where there is an add-on and no api_key.
        """
        if not self.addon.enabled or self.integration is None:
            return self
        if self.api_key is None:
            raise ParameterError(
                "HipChat lets users do this, and no add-on. Set api_key in the pack's config, "
                "beside addon, to the personal access token of a user.")
        return self._replace(integration=None)  # pylint: disable=no-member

    def without_installation(self) -> "ApiSettings":
        """As the config has it; what is kept of an add-on changes while the sensor runs."""
        integration = None if self.addon.enabled else self.integration
        return self._replace(  # pylint: disable=no-member
            addon=self.addon._replace(kept=None), integration=integration)

    @classmethod
    def read(cls, reader: ConfigReader) -> "ApiSettings":
        """Take them from a reader, which tells what is wrong when it has read all."""
        verify_tls = reader.boolean("verify_tls", True)
        ca_bundle = reader.path("ca_bundle")
        integration, addon = reader.integration("oauth"), reader.addon("addon")
        return cls(
            addon=addon,
            api_key=None if integration else reader.token("api_key", needed=not addon.enabled),
            integration=integration or addon.integration,
            api_url=reader.api_url("api_url"),
            default_room=reader.room("default_room"),
            verify=(ca_bundle or True) if verify_tls else False,
            timeout=reader.number("timeout", 10, upto=600),
            rate_limit_wait=reader.number("rate_limit_wait", 60, upto=3600, least=0))


def addon_settings(config: Optional[Dict[str, Any]]) -> AddonSettings:
    """What the config says of the add-on, of which the sensor's settings have a part only.

    ConfigError names every wrong value with its remedy.
    """
    reader = ConfigReader(config)
    settings = reader.addon("addon")
    reader.finish()
    return settings
