"""Reads a config: each value is checked, and what is wrong with it told with its remedy."""
import ipaddress
import re
from typing import Any, Dict, List, Optional, Tuple, Union
from urllib.parse import urlsplit

from hipchat.config.addon import REFERENCE, Addon, AddonSettings
from hipchat.api.credentials import Integration
from hipchat.errors import ConfigError
from hipchat.text.room_reference import room_key

__all__ = ["PUBLIC_URL_EXAMPLE", "ConfigReader", "Network"]

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


ODD_SEGMENT = re.compile(r"//|/\.\.?(/|\Z)")
PUBLIC_URL_EXAMPLE = "https://st2.example.com:8088/hipchat"
LEAST_SECRET = 16  # characters; whoever has a signed URL can try out shorter ones
LONGEST_SHOWN = 100  # characters of a wrong value


class ConfigReader:
    """Takes values from a config by dotted key and remembers what is wrong with them.

    warnings: what can be used and is hardly meant.
    """

    def __init__(self, config: Any):
        self._config = config if isinstance(config, dict) else {}
        self._problems: List[str] = []
        self._several = False  # whether there are several nodes
        self.warnings: List[str] = []
        if config is not None and not isinstance(config, dict):
            self._wrong("The config", "it must be an object, with keys such as api_url", config)

    def of_node(self, key: str, host: str) -> "ConfigReader":
        """Read on as on this host: what the config has for it below key goes before the rest."""
        nodes = self._objects(key)
        self._several = len(nodes) > 1
        if nodes and host not in nodes:
            self.warnings.append(
                "{} names {}, and not this host, {}: here the config holds without it. Is that "
                "meant? Host names are those that `hostname` prints.".format(
                    key, ", ".join(sorted(nodes)), host))
        self._config = _merged(self._config, nodes.get(host) or {})
        return self

    def finish(self) -> None:
        """Raise ConfigError if anything was wrong."""
        if self._problems:
            raise ConfigError(list(dict.fromkeys(self._problems)))

    def _get(self, key: str) -> Any:
        section, _, name = key.rpartition(".")
        return (self._section(section) if section else self._config).get(name)

    def _section(self, key: str) -> Dict[str, Any]:
        found = self._config.get(key)
        if found is not None and not isinstance(found, dict):
            self._wrong(key, "it must be an object, with keys of its own below it")
        return found if isinstance(found, dict) else {}

    def _objects(self, key: str) -> Dict[str, Dict[str, Any]]:
        """The objects below a key, by their names."""
        objects = {}
        for name, value in self._section(key).items():
            if not isinstance(name, str):
                self._wrong(key, f"its key {_shown(name)} must be a string; write it in quotes")
            elif value is not None and not isinstance(value, dict):
                self._wrong(f"{key}.{name}", "it must be an object")
            else:
                objects[name] = value
        return objects

    def _wrong(self, key: str, remedy: str, value: Any = None) -> None:
        self._problems.append(f"{key}{'' if value is None else ' is ' + _shown(value)}: {remedy}.")

    def text(self, key: str) -> Optional[str]:
        value = self._get(key)
        if value is not None and not isinstance(value, str):
            self._wrong(key, "it must be a string")
            return None
        if value and not _is_text(value):
            self._wrong(key, "it must not contain control characters")
            return None
        return value or None

    def path(self, key: str) -> Optional[str]:
        """An absolute path: StackStorm's processes run in directories of their own."""
        path = self.text(key)
        if path and not path.startswith("/"):
            self._wrong(key, "it must be an absolute path, which begins with /", path)
        return path

    def secret(self, key: str) -> Optional[str]:
        secret = self.text(key)
        if secret and len(secret) < LEAST_SECRET:
            self._wrong(key, "it must have at least {} characters, such as `openssl rand -hex 32` "
                        "makes them".format(LEAST_SECRET))
        return secret

    def token(self, key: str, needed: bool) -> Optional[str]:
        value = self._get(key)
        if not value and not needed:
            return None
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

    def addon(self, key: str) -> AddonSettings:
        enabled, kept = self.boolean(key + ".enabled", False), self._kept(key + ".credentials")
        if enabled and "credentials" not in self._section(key):
            self._wrong(key + ".credentials", "set it to \"{}\", which is where the sensor keeps "
                        "what HipChat gives an add-on".format(REFERENCE))
        if enabled and self._get("oauth.id"):
            self._wrong(key, "set either addon or oauth; an add-on gets its OAuth client by itself")
        if enabled and self._several:
            self._wrong(key, "HipChat posts to the one public_url by which an add-on is installed; "
                        "take it out, or nodes")
        return AddonSettings(enabled, kept, self.group(key + ".group"))

    def _kept(self, key: str) -> Optional[Addon]:
        kept = self.text(key)
        try:
            return Addon.read(kept) if kept else None
        except ValueError as error:
            self._wrong(key, f"{error}; set it to \"{REFERENCE}\"")
            return None

    def group(self, key: str) -> Optional[int]:
        value = self._get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            self._wrong(key, "it must be HipChat's id of the group, a whole number", value)
            return None
        return value

    def tls(self, certificate: str, key: str) -> Optional[Tuple[str, str]]:
        files = (self.path(certificate), self.path(key))
        if not any(files):
            return None
        if not all(files):
            self._wrong(key if files[0] else certificate, "a certificate and its key go together")
        return files

    def networks(self, key: str) -> List[Network]:
        networks = []
        for value in self._list(key, []):
            try:
                # A number would be taken for an address.
                networks.append(ipaddress.ip_network(value if isinstance(value, str) else ""))
            except ValueError:
                self._wrong(key, "{} is no network; write it as 10.1.0.0/16 or 2001:db8::/32"
                            .format(_shown(value)))
        return networks

    def boolean(self, key: str, default: bool) -> bool:
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong(key, "it must be true or false", value)
            return default
        return value

    def number(self, key: str, default: float, upto: float, least: Optional[float] = None) -> float:
        """A number from least (else above 0) to upto."""
        value = self._get(key)
        if value is None:
            return default
        if (not isinstance(value, (int, float)) or isinstance(value, bool) or
                not (value > 0 if least is None else value >= least) or not value <= upto):
            self._wrong(key, "it must be a number {} {}".format(
                "above 0, at most" if least is None else "from {} to".format(least), upto), value)
            return default
        return value

    def whole(self, key: str, default: int, upto: int) -> int:
        """A whole number from 1 to upto."""
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= upto:
            self._wrong(key, f"it must be a whole number from 1 to {upto}", value)
            return default
        return value

    def room(self, key: str) -> Optional[str]:
        value = self._get(key)
        return None if value in (None, "") else self._room(key, value)

    def is_all(self, key: str) -> bool:
        return self._get(key) == "all"

    def rooms(self, key: str) -> List[str]:
        rooms = [self._room(f"{key}[{position}]", value)
                 for position, value in enumerate(self._list(key, []))]
        return [room for room in rooms if room]

    def _room(self, key: str, value: Any) -> Optional[str]:
        try:
            return room_key(value)
        except ValueError as error:
            self._wrong(key, f"it {error}", value)
            return None

    def choices(self, key: str, default: List[str], allowed: List[str]) -> List[str]:
        values = self._list(key, default)
        for value in values:
            if value not in allowed:
                self._wrong(key, "{} is no event; the events are {}".format(
                    _shown(value), ", ".join(allowed)))
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

    def public_url(self, key: str, needed: bool) -> str:
        if not needed and self._get(key) is None:
            return ""
        return "".join(self._url(key, PUBLIC_URL_EXAMPLE))

    def _url(self, key: str, example: str) -> Tuple[str, str]:
        """A URL's origin and its path without a slash at the end."""
        value = self._get(key)
        if not value or not isinstance(value, str):
            self._wrong(key, "set it to a URL such as " + example, value or None)
            return "", ""
        value = value.strip()
        try:
            parts = urlsplit(value)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good:
            self._wrong(key, "it must be an absolute URL such as " + example,
                        None if "@" in value else value)
            return "", ""
        if parts.username is not None or parts.query or parts.fragment:
            self._wrong(key, "it must have no user, query or fragment, as in " + example)
        elif not _is_printable(value) or ODD_SEGMENT.search(parts.path):
            self._wrong(key, "it must have nothing but ASCII, without blanks, and no empty part, . "
                        "or .. in its path, as in " + example, value)
        return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def _merged(config: Dict[str, Any], own: Dict[str, Any]) -> Dict[str, Any]:
    """The config with what a node has of its own, in each section too."""
    merged = dict(config)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(config.get(key), dict)
        merged[key] = {**config[key], **value} if both else value
    return merged


def _is_printable(value: str) -> bool:
    return all(33 <= ord(character) < 127 for character in value)


def _is_text(value: str) -> bool:
    """Whether there are neither control characters nor halves of characters in it."""
    return not any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value)


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "too long a number"
    return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "..."
