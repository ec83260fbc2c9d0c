"""The pack's config as typed objects, checked when read."""
import hashlib
import hmac
import ipaddress
import math
import socket
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from hipchat.credentials import Integration
from hipchat.errors import ConfigError
from hipchat.events import EVENTS

__all__ = ["ApiSettings", "SensorSettings", "room_key"]

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

DEFAULT_EVENTS = ["message", "notification", "enter", "exit", "topic_change"]
DEFAULT_SPOOL = "/opt/stackstorm/exports/hipchat"
LONGEST_ROOM = 100  # characters of {room_id_or_name} in HipChat's API v2


class ApiSettings(NamedTuple):
    """How to reach HipChat: all that an action needs.

    Either api_key or integration is set; api_url ends in /v2; verify is what requests takes (True,
    False or the path of a bundle); timeout and rate_limit_wait are seconds.
    """

    api_key: Optional[str]
    integration: Optional[Integration]
    api_url: str
    default_room: Optional[str]
    verify: Union[bool, str]
    timeout: float
    rate_limit_wait: float

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "ApiSettings":
        """Read the config; ConfigError names every wrong value with its remedy."""
        reader = _Reader(config)
        settings = cls._read(reader)
        reader.finish()
        return settings

    @classmethod
    def _read(cls, reader: "_Reader") -> "ApiSettings":
        verify_tls = reader.boolean("verify_tls", True)
        ca_bundle = reader.text("ca_bundle")
        integration = reader.integration("oauth")
        return cls(
            api_key=None if integration else reader.token("api_key"),
            integration=integration,
            api_url=reader.api_url("api_url"),
            default_room=reader.room("default_room"),
            verify=(ca_bundle or True) if verify_tls else False,
            timeout=reader.number("timeout", 10, above=0, upto=600),
            rate_limit_wait=reader.number("rate_limit_wait", 60, above=-1, upto=3600))


class SensorSettings(NamedTuple):
    """All that the sensor needs.

    only_rooms: where this node listens at all, everywhere if empty.
    events are names of trigger types without "hipchat."; public_url has no slash at its end;
    secret signs webhook URLs; node_urls are the public_urls of all nodes, if there
    are several; tls is the paths of certificate and key; allow_from: an address
    that lies in none of these networks is refused, unless there are none.
    """

    api: ApiSettings
    rooms: List[str]
    only_rooms: List[str]
    events: List[str]
    template_guard: bool
    public_url: str
    host: str
    port: int
    secret: bytes
    node_urls: List[str]
    tls: Optional[Tuple[str, str]]
    max_connections: int
    allow_from: List[Network]
    spool_directory: str
    max_deliveries: int

    @classmethod
    def from_config(cls, config: Optional[Dict[str, Any]]) -> "SensorSettings":
        """Read the config; ConfigError names every wrong value with its remedy."""
        reader = _Reader(_of_node(config or {}, socket.gethostname()))
        api = ApiSettings._read(reader)
        settings = cls(
            api=api,
            rooms=reader.rooms("rooms"),
            only_rooms=reader.rooms("only_rooms"),
            events=reader.choices("events", DEFAULT_EVENTS, sorted(EVENTS)),
            template_guard=reader.boolean("template_guard", True),
            public_url=reader.public_url("webhook.public_url"),
            host=reader.text("webhook.host") or "0.0.0.0",
            port=int(reader.number("webhook.port", 8088, above=0, upto=65535, whole=True)),
            secret=_signing_secret(reader.text("webhook.secret"), api),
            node_urls=_urls_of_nodes(config or {}),
            tls=reader.tls("webhook.tls_certificate", "webhook.tls_key"),
            max_connections=int(reader.number("webhook.max_connections", 512, above=0,
                                              upto=10000, whole=True)),
            allow_from=reader.networks("webhook.allow_from"),
            spool_directory=reader.text("spool.directory") or DEFAULT_SPOOL,
            max_deliveries=int(reader.number("spool.max_deliveries", 100000, above=0,
                                             upto=10 ** 9, whole=True)))
        reader.finish()
        return settings


def _of_node(config: Dict[str, Any], host: str) -> Dict[str, Any]:
    """The config on this host: what `nodes` has for it goes before the rest."""
    nodes = config.get("nodes")
    own = nodes.get(host) if isinstance(nodes, dict) else None
    merged = dict(config)
    for key, value in (own if isinstance(own, dict) else {}).items():
        both = isinstance(value, dict) and isinstance(config.get(key), dict)
        merged[key] = dict(config[key], **value) if both else value
    return merged


def _urls_of_nodes(config: Dict[str, Any]) -> List[str]:
    """The public_urls of all nodes, this one's among them."""
    nodes = config.get("nodes")
    each = list(nodes.values()) if isinstance(nodes, dict) else []
    webhooks = [node.get("webhook") for node in [config] + each if isinstance(node, dict)]
    urls = [webhook.get("public_url") for webhook in webhooks if isinstance(webhook, dict)]
    return [url for url in urls if isinstance(url, str)] if each else []


def room_key(value: Any) -> str:
    """A room's name or id as text; ValueError says what is wrong with it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be the name or the id of a room")
    if len(value) > LONGEST_ROOM:
        raise ValueError("must have at most {} characters".format(LONGEST_ROOM))
    if any(ord(character) < 32 for character in value):
        raise ValueError("must not contain control characters")
    return value


def _is_printable(value: str) -> bool:
    return all(33 <= ord(character) < 127 for character in value)


def _signing_secret(secret: Optional[str], api: ApiSettings) -> bytes:
    """Made of the configured secret, or else of the token, so that there always is one.

    An integration's webhooks are others than a personal token's (their deliveries carry a JWT),
    so that a change from one to the other replaces them.
    """
    kind = b"hipchat webhook URLs of an integration" if api.integration else b"hipchat webhook URLs"
    chosen = secret or (api.integration.secret if api.integration else api.api_key)
    return hmac.new(chosen.encode("utf-8"), kind, hashlib.sha256).digest()


class _Reader:
    """Takes values from a config by dotted key and remembers what is wrong with them."""

    def __init__(self, config: Optional[Dict[str, Any]]):
        self._config = config or {}
        self._problems: List[str] = []

    def finish(self) -> None:
        if self._problems:
            raise ConfigError(self._problems)

    def _get(self, key: str) -> Any:
        value: Any = self._config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def _wrong(self, key: str, remedy: str, value: Any = None) -> None:
        shown = "" if value is None else " is {!r}".format(value)
        self._problems.append("{}{}: {}.".format(key, shown, remedy))

    def text(self, key: str) -> Optional[str]:
        value = self._get(key)
        if value is not None and not isinstance(value, str):
            self._wrong(key, "it must be a string")
            return None
        return value or None

    def token(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value:
            self._wrong(key, "set it to a personal access token of HipChat "
                        "(Account settings > API access)")
            return ""
        if not _is_printable(value):
            self._wrong(key, "it has spaces or characters that no token has; copy it again")
        return value

    def integration(self, key: str) -> Optional[Integration]:
        integration = Integration(self.text(key + ".id") or "", self.text(key + ".secret") or "")
        if not any(integration):
            return None
        if not all(integration):
            self._wrong(key, "an integration needs both oauth.id and oauth.secret")
        if self._get("api_key"):
            self._wrong(key, "set either api_key, for a personal access token, or oauth, for an "
                        "integration")
        if not all(map(_is_printable, integration)):
            self._wrong(key, "it has spaces or characters that neither an id nor a secret has; "
                        "copy them again")
        return integration

    def tls(self, certificate: str, key: str) -> Optional[Tuple[str, str]]:
        files = (self.text(certificate), self.text(key))
        if not any(files):
            return None
        if not all(files):
            self._wrong(key if files[0] else certificate, "a certificate and its key go together")
        return files

    def networks(self, key: str) -> List[Network]:
        networks = []
        for value in self._list(key, []):
            try:
                networks.append(ipaddress.ip_network(value))
            except (ValueError, TypeError):
                self._wrong(key, "{!r} is no network; write it as 10.1.0.0/16 or 2001:db8::/32"
                            .format(value))
        return networks

    def boolean(self, key: str, default: bool) -> bool:
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong(key, "it must be true or false", value)
            return default
        return value

    def number(self, key: str, default: float, above: float, upto: float,
               whole: bool = False) -> float:
        value = self._get(key)
        if value is None:
            return default
        kinds = int if whole else (int, float)
        if (not isinstance(value, kinds) or isinstance(value, bool) or
                not math.isfinite(value) or not above < value <= upto):
            self._wrong(key, "it must be a {} from {} to {}".format(
                "whole number" if whole else "number", above + 1 if whole else max(above, 0),
                upto), value)
            return default
        return value

    def room(self, key: str) -> Optional[str]:
        value = self._get(key)
        return None if value in (None, "") else self._room(key, value)

    def rooms(self, key: str) -> List[str]:
        rooms = [self._room("{}[{}]".format(key, position), value)
                 for position, value in enumerate(self._list(key, []))]
        return [room for room in rooms if room]

    def _room(self, key: str, value: Any) -> Optional[str]:
        try:
            return room_key(value)
        except ValueError as error:
            self._wrong(key, "it {}".format(error), value)
            return None

    def choices(self, key: str, default: List[str], allowed: List[str]) -> List[str]:
        values = self._list(key, default)
        for value in values:
            if value not in allowed:
                self._wrong(key, "{!r} is no event; the events are {}".format(
                    value, ", ".join(allowed)))
        return [value for value in values if value in allowed]

    def _list(self, key: str, default: List[str]) -> List[Any]:
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, list):
            self._wrong(key, "it must be a list", value)
            return default
        return value

    def api_url(self, key: str) -> str:
        origin, path = self._url(key, "https://hipchat.example.com/v2")
        if path.endswith("/v1"):
            self._wrong(key, "HipChat's API v1 cannot do what the pack needs; end it in /v2")
        return origin + (path if path.endswith("/v2") else path + "/v2")

    def public_url(self, key: str) -> str:
        return "".join(self._url(key, "https://st2.example.com:8088/hipchat"))

    def _url(self, key: str, example: str) -> Tuple[str, str]:
        """A URL's origin and its path without a slash at the end."""
        value = self._get(key)
        if not value or not isinstance(value, str):
            self._wrong(key, "set it to a URL such as " + example, value or None)
            return "", ""
        try:
            parts = urlsplit(value.strip())
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good:
            self._wrong(key, "it must be an absolute URL such as " + example,
                        None if "@" in value else value)
            return "", ""
        if parts.username is not None or parts.query or parts.fragment:
            self._wrong(key, "it must have no user, query or fragment, as in " + example)
        return "{}://{}".format(parts.scheme, parts.netloc), parts.path.rstrip("/")
