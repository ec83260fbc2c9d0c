"""All that the sensor needs, of the pack's config."""
import hashlib
import hmac
import socket
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from hipchat.config.reader import ConfigReader, Network
from hipchat.events import EVENTS
from hipchat.config.api_settings import ApiSettings

__all__ = ["EVERYWHERE", "SensorSettings"]

DEFAULT_EVENTS = ["message", "notification", "enter", "exit", "topic_change"]
DEFAULT_SPOOL = "/opt/stackstorm/exports/hipchat"
LONGEST_CATCH_UP = 7 * 86400  # seconds
EVERYWHERE = ""  # in place of a room, for `rooms: all`; no room has this name or id


class SensorSettings(NamedTuple):
    """How the sensor listens, and how it reaches HipChat.

    rooms: [EVERYWHERE] where subscriptions without a room hear every room.
    only_rooms: where this node listens at all, everywhere if empty.
    events are names of trigger types without "hipchat."; public_url has no slash at its end, and is
    "" where HipChat cannot reach the sensor; catch_up is in seconds, 0 for not at all; calls_share
    is a part of the calls that HipChat allows the token;
    secret signs the URLs of webhooks in rooms, None where an add-on needs none; node_urls are the
    public_urls of all nodes, if there are several; tls is the paths of certificate and key;
    allow_from: an address that lies in none of these networks is refused, unless there are none.
    warnings: what can be used and is hardly meant, in words for the log.
    """

    api: ApiSettings
    rooms: List[str]
    only_rooms: List[str]
    events: List[str]
    template_guard: bool
    catch_up: float
    calls_share: float
    public_url: str
    host: str
    port: int
    secret: Optional[bytes]
    node_urls: List[str]
    tls: Optional[Tuple[str, str]]
    max_connections: int
    allow_from: List[Network]
    spool_directory: str
    max_deliveries: int
    warnings: Tuple[str, ...] = ()

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "SensorSettings":
        """Read the config; ConfigError names every wrong value with its remedy."""
        reader = ConfigReader(config).of_node("nodes", socket.gethostname())
        api = ApiSettings.read(reader).without_installation()
        public_url = reader.public_url("webhook.public_url", needed=api.addon.enabled)
        settings = cls(
            api=api,
            rooms=[EVERYWHERE] if reader.is_all("rooms") else reader.rooms("rooms"),
            only_rooms=reader.rooms("only_rooms"),
            events=_events(reader, api),
            template_guard=reader.boolean("template_guard", True),
            catch_up=reader.number("catch_up", 3600, upto=LONGEST_CATCH_UP, least=0),
            calls_share=reader.number("calls_share", 0.2 if public_url else 0.6, upto=1,
                                      least=0.01),
            public_url=public_url,
            host=reader.text("webhook.host") or "0.0.0.0",
            port=reader.whole("webhook.port", 8088, upto=65535),
            secret=_signing_secret(reader.secret("webhook.secret"), api),
            node_urls=_urls_of_nodes(config),
            tls=reader.tls("webhook.tls_certificate", "webhook.tls_key"),
            max_connections=reader.whole("webhook.max_connections", 512, upto=10000),
            allow_from=reader.networks("webhook.allow_from"),
            spool_directory=reader.path("spool.directory") or DEFAULT_SPOOL,
            max_deliveries=reader.whole("spool.max_deliveries", 100000, upto=10 ** 9),
            warnings=tuple(reader.warnings))
        reader.finish()
        return settings


def _events(reader: ConfigReader, api: ApiSettings) -> List[str]:
    """HipChat posts all events to an add-on; others need a webhook for each event and room."""
    chosen = reader.choices("events", DEFAULT_EVENTS, sorted(EVENTS))
    return sorted(EVENTS) if api.addon.enabled else chosen


def _urls_of_nodes(config: Any) -> List[str]:
    """The public_urls of all nodes, this one's among them; none where there is one node."""
    nodes = config.get("nodes") if isinstance(config, dict) else None
    each = list(nodes.values()) if isinstance(nodes, dict) else []
    webhooks = [node.get("webhook") for node in [config] + each if isinstance(node, dict)]
    urls = [webhook.get("public_url") for webhook in webhooks if isinstance(webhook, dict)]
    return [url for url in urls if isinstance(url, str)] if each else []


def _signing_secret(secret: Optional[str], api: ApiSettings) -> Optional[bytes]:
    """Made of the configured secret, or else of the token; None if there is but an add-on.

    An integration's webhooks are others than a personal token's (their deliveries carry a JWT),
    so that a change from one to the other replaces them.
    """
    kind = b"hipchat webhook URLs of an integration" if api.integration else b"hipchat webhook URLs"
    chosen = secret or (api.integration.secret if api.integration else api.api_key)
    if not chosen:
        return None
    return hmac.new(chosen.encode("utf-8", "surrogatepass"), kind, hashlib.sha256).digest()
