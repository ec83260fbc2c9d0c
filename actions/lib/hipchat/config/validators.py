"""What a value of the config must be.

A validator takes a value that is neither null nor "". It returns what is used in its place, or
raises WrongValue.
"""
import ipaddress
import re
from typing import Any, Callable, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from hipchat.config.addon import REFERENCE, Addon
from hipchat.text.room_reference import room_key

__all__ = ["API_URL_EXAMPLE", "PUBLIC_URL_EXAMPLE", "ListOf", "Network", "Validator", "WrongValue",
           "addon", "api_url", "boolean", "group", "network", "number", "one_of", "path", "room",
           "secret", "shown", "text", "token", "url", "whole"]

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Validator = Callable[[Any], Any]

API_URL_EXAMPLE = "https://hipchat.example.com/v2"
PUBLIC_URL_EXAMPLE = "https://st2.example.com:8088/hipchat"
LEAST_SECRET = 16  # characters; shorter ones can be guessed by anybody with a signed URL
LONGEST_SHOWN = 100  # characters of a wrong value
ODD_SEGMENT = re.compile(r"//|/\.\.?(/|\Z)")
CONTROL = re.compile("[\0-\x1f\ud800-\udfff]")  # control characters, and halves of characters


class WrongValue(ValueError):
    """A value is wrong; str() says what it must be.

    Attributes:
        value: what is wrong, None where it may be secret.
        place: where it is below the key, such as ".people".
    """

    def __init__(self, remedy: str, value: Any = None, place: str = ""):
        super().__init__(remedy)
        self.value, self.place = value, place


class ListOf(NamedTuple):
    """Validate a list, with this validator for each item."""

    item: Validator


def _must(is_right: Callable[[Any], bool], remedy: str, shows: bool = True) -> Validator:
    def check(value: Any) -> Any:
        if not is_right(value):
            raise WrongValue(remedy, value if shows else None)
        return value
    return check


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not CONTROL.search(value)


def _is_printable(value: Any) -> bool:
    return isinstance(value, str) and all(33 <= ord(character) < 127 for character in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


boolean = _must(lambda value: isinstance(value, bool), "it must be true or false")
group = _must(lambda value: type(value) is int, "it must be HipChat's id of the group, a whole "
              "number")
text = _must(_is_text, "it must be a string without control characters", shows=False)
token = _must(_is_printable, "it must be what HipChat shows (Account settings > API access for a "
              "personal access token), a string without blanks; copy it again", shows=False)
secret = _must(lambda value: _is_text(value) and len(value) >= LEAST_SECRET,
               f"it must be a string of at least {LEAST_SECRET} characters, such as `openssl rand "
               "-hex 32` makes them", shows=False)
# StackStorm's processes run in directories of their own.
path = _must(lambda value: _is_text(value) and value.startswith("/"),
             "it must be an absolute path (/...), a string without control characters")


def one_of(*allowed: str) -> Validator:
    return _must(lambda value: value in allowed, f"it must be one of {', '.join(allowed)}")


def whole(upto: int) -> Validator:
    return _must(lambda value: type(value) is int and 1 <= value <= upto,
                 f"it must be a whole number from 1 to {upto}")


def number(upto: float, least: Optional[float] = None) -> Validator:
    """Take a number from least, or else above 0, to upto."""
    bounds = f"above 0, at most {upto}" if least is None else f"from {least} to {upto}"
    return _must(lambda value: _is_number(value) and value <= upto and (
        value > 0 if least is None else value >= least), f"it must be a number {bounds}")


def network(value: Any) -> Network:
    try:
        if isinstance(value, str):  # a number would be taken for an address
            return ipaddress.ip_network(value)
    except ValueError:
        pass
    raise WrongValue("it must be a network, such as 10.1.0.0/16 or 2001:db8::/32", value)


def room(value: Any) -> str:
    try:
        return room_key(value)
    except ValueError as error:
        raise WrongValue(f"it {error}", value) from None


def addon(value: Any) -> Addon:
    """Take what the sensor keeps of the add-on, as StackStorm resolves it from the datastore."""
    try:
        return Addon.read(text(value))
    except ValueError as error:
        raise WrongValue(f"{error}; set it to \"{REFERENCE}\"") from None


def api_url(value: Any) -> str:
    found = url(API_URL_EXAMPLE)(value)
    if found.endswith("/v1"):
        raise WrongValue("HipChat's API v1 cannot do what the pack needs; end it in /v2")
    return found if found.endswith("/v2") else found + "/v2"


def url(example: str) -> Validator:
    """Take an absolute URL; return it without a slash at its end."""
    def check(value: Any) -> str:
        given = value.strip() if isinstance(value, str) else ""
        origin, path, odd = _split(given)
        if not origin:
            raise WrongValue("set it to an absolute URL such as " + example,
                             None if "@" in given else value or None)
        if odd:
            raise WrongValue("it must have no user, query or fragment, as in " + example)
        if not _is_printable(given) or ODD_SEGMENT.search(path):
            raise WrongValue("it must have nothing but ASCII, without blanks, and no empty part, . "
                             "or .. in its path, as in " + example, given)
        return origin + path.rstrip("/")
    return check


def _split(given: str) -> Tuple[str, str, bool]:
    """Return a URL's origin, "" if it is not absolute, its path, and whether there is more in it.
    """
    try:
        parts = urlsplit(given)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return (f"{parts.scheme}://{parts.netloc}", parts.path,
                    bool(parts.username is not None or parts.query or parts.fragment))
    except ValueError:
        pass
    return "", "", False


def shown(value: Any) -> str:
    """Return a value as it is shown to people."""
    try:
        words = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "too long a number"
    return words if len(words) <= LONGEST_SHOWN else words[:LONGEST_SHOWN] + "..."
