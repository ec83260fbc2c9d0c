"""The part of the pack's config that the sensor reads."""
import hashlib
import hmac
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from hipchat.config.api_settings import ApiSettings
from hipchat.config.reader import ConfigReader
from hipchat.config.validators import PUBLIC_URL_EXAMPLE, Network
from hipchat.events import EVENTS

__all__ = ["EVERYWHERE", "SensorSettings"]

EVERYWHERE = ""  # stands for all rooms (`rooms: all`); no room has this name or ID


class SensorSettings(NamedTuple):
    """The settings of the sensor: webhook endpoint, spool, and calls to HipChat.

    Attributes:
        api: the settings for calls to HipChat, without the stored add-on.
        rooms: the names or IDs of the rooms for a rule whose trigger names no room; [EVERYWHERE]
            for all rooms.
        events: the names, without "hipchat.", of the trigger types for these rooms.
        catch_up: the greatest age, in seconds, of a message that is backfilled; 0 for no backfill.
        calls_share: the sensor's share of the calls that HipChat allows the token, 1 for all.
        public_url: the URL at which HipChat reaches the sensor, without a slash at its end; "" if
            HipChat cannot reach the sensor, which then polls the history.
        host, port: the address on which the sensor listens for HipChat.
        secret: the key that signs the URLs of webhooks in rooms; None for an add-on whose config
            has no secret.
        tls: the paths of certificate and key; None to listen without TLS.
        allow_from: the only networks from which requests are accepted; all networks if empty.
        max_deliveries: the most that the spool stores.
        chatops: the section `chatops` of the config, unchecked: see chatops/settings.py.
        warnings: sentences for the operator about keys that are probably mistakes.
    """

    api: ApiSettings
    rooms: List[str]
    events: List[str]
    template_guard: bool
    catch_up: float
    calls_share: float
    public_url: str
    host: str
    port: int
    secret: Optional[bytes]
    tls: Optional[Tuple[str, str]]
    max_connections: int
    allow_from: List[Network]
    spool_directory: str
    max_deliveries: int
    chatops: Dict[str, Any]
    warnings: Tuple[str, ...] = ()

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "SensorSettings":
        """Read the settings from the pack's config.

        Raises:
            ConfigError: a value is wrong; the error names every wrong value with its remedy.
        """
        reader = ConfigReader(config)
        reader.warn_of_unknown_keys()
        get = reader.value
        api, public_url = ApiSettings.read(reader), get("webhook.public_url")
        # The sensor reads these from the datastore instead: they change while it runs.
        api = api._replace(addon=api.addon._replace(stored=None),
                           integration=None if api.addon.enabled else api.integration)
        if not public_url and (api.addon.enabled or reader.given("webhook.public_url") == ""):
            reader.wrong("webhook.public_url", "set it to a URL such as " + PUBLIC_URL_EXAMPLE)
        settings = cls(
            api=api,
            rooms=[EVERYWHERE] if reader.given("rooms") == "all" else get("rooms"),
            # HipChat posts all events to an add-on. Without one, each event and room of the config
            # costs a webhook.
            events=sorted(EVENTS) if api.addon.enabled else get("events"),
            template_guard=get("template_guard"),
            catch_up=get("catch_up"),
            calls_share=get("calls_share") or (0.2 if public_url else 0.6),
            public_url=public_url or "",
            host=get("webhook.host"),
            port=get("webhook.port"),
            secret=_signing_secret(get("webhook.secret"), api),
            tls=_tls(reader),
            max_connections=get("webhook.max_connections"),
            allow_from=get("webhook.allow_from"),
            spool_directory=get("spool.directory"),
            max_deliveries=get("spool.max_deliveries"),
            chatops=reader.section("chatops"),
            warnings=tuple(reader.warnings))
        reader.finish()
        return settings


def _tls(reader: ConfigReader) -> Optional[Tuple[str, str]]:
    certificate, key = reader.value("webhook.tls_certificate"), reader.value("webhook.tls_key")
    if certificate and key:
        return certificate, key
    if certificate or key:
        reader.wrong("webhook.tls_key" if certificate else "webhook.tls_certificate",
                     "a certificate and its key go together")
    return None


def _signing_secret(secret: Optional[str], api: ApiSettings) -> Optional[bytes]:
    """Derive the key that signs webhook URLs from webhook.secret, or else from the token.

    The key also depends on the kind of token. So a change from a personal token to an integration,
    whose deliveries carry a JWT, makes the sensor replace all webhooks.
    """
    kind = b"hipchat webhook URLs of an integration" if api.integration else b"hipchat webhook URLs"
    chosen = secret or (api.integration.secret if api.integration else api.api_key)
    if not chosen:
        return None
    return hmac.new(chosen.encode("utf-8", "surrogatepass"), kind, hashlib.sha256).digest()
