"""Validators: functions that check a value of the config.

A validator takes a value that is neither null nor "". It returns the value to use, which may differ
(a URL without its last slash), or raises WrongValue.
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
LEAST_SECRET = 16  # characters; a shorter secret can be guessed from a signed URL
LONGEST_SHOWN = 100  # characters of a wrong value
ODD_SEGMENT = re.compile(r"//|/\.\.?(/|\Z)")
CONTROL = re.compile("[\0-\x1f\ud800-\udfff]")  # control characters, and halves of characters


class WrongValue(ValueError):
    """A value of the config is wrong. The error's message says what the value must be.

    Attributes:
        value: the wrong value; None if it may be secret.
        place: which part of the key's value is wrong, such as ".people"; "" for the whole value.
    """

    def __init__(self, remedy: str, value: Any = None, place: str = ""):
        super().__init__(remedy)
        self.value, self.place = value, place


class ListOf(NamedTuple):
    """Marks a key whose value is a list; each item is checked by the validator `item`."""

    item: Validator


def _must(is_right: Callable[[Any], bool], remedy: str, is_secret: bool = False) -> Validator:
    """Return a validator for values with is_right(value); its error does not show secrets."""
    def check(value: Any) -> Any:
        if not is_right(value):
            raise WrongValue(remedy, None if is_secret else value)
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
text = _must(_is_text, "it must be a string without control characters", is_secret=True)
token = _must(_is_printable, "it must be the string without blanks that HipChat shows (Account "
              "settings > API access for a personal access token); copy it again", is_secret=True)
secret = _must(lambda value: _is_text(value) and len(value) >= LEAST_SECRET,
               f"it must be a string of at least {LEAST_SECRET} characters; make one with `openssl "
               "rand -hex 32`", is_secret=True)
# A relative path would depend on the directory in which each StackStorm process runs.
path = _must(lambda value: _is_text(value) and value.startswith("/"),
             "it must be an absolute path (/...), a string without control characters")


def one_of(*allowed: str) -> Validator:
    """Return a validator for the allowed values."""
    return _must(lambda value: value in allowed, f"it must be one of {', '.join(allowed)}")


def whole(most: int) -> Validator:
    """Return a validator for whole numbers from 1 to `most`."""
    return _must(lambda value: type(value) is int and 1 <= value <= most,
                 f"it must be a whole number from 1 to {most}")


def number(most: float, least: Optional[float] = None) -> Validator:
    """Return a validator for numbers from `least` to `most`; without `least`, above 0."""
    bounds = f"above 0, at most {most}" if least is None else f"from {least} to {most}"
    return _must(lambda value: _is_number(value) and value <= most and (
        value > 0 if least is None else value >= least), f"it must be a number {bounds}")


def network(value: Any) -> Network:
    """Return the network for a string such as 10.1.0.0/16."""
    try:
        if isinstance(value, str):  # ipaddress reads a number as an address
            return ipaddress.ip_network(value)
    except ValueError:
        pass
    raise WrongValue("it must be a network, such as 10.1.0.0/16 or 2001:db8::/32", value)


def room(value: Any) -> str:
    """Return a room's name or ID as a string."""
    try:
        return room_key(value)
    except ValueError as error:
        raise WrongValue(f"it {error}", value) from None


def addon(value: Any) -> Addon:
    """Return the add-on from a string that StackStorm has read from the datastore."""
    try:
        return Addon.read(text(value))
    except ValueError as error:
        raise WrongValue(f"{error}; set it to \"{REFERENCE}\"") from None


def api_url(value: Any) -> str:
    """Return the URL of HipChat's API, with /v2 at its end."""
    checked = url(API_URL_EXAMPLE)(value)
    if checked.endswith("/v1"):
        raise WrongValue("HipChat's API v1 lacks calls that the pack needs; end it in /v2")
    return checked if checked.endswith("/v2") else checked + "/v2"


def url(example: str) -> Validator:
    """Return a validator for absolute URLs, which removes a slash at the end of the URL."""
    def check(value: Any) -> str:
        stripped = value.strip() if isinstance(value, str) else ""
        origin, path, has_more = _split(stripped)
        if not origin:
            raise WrongValue("set it to an absolute URL such as " + example,
                             None if "@" in stripped else value or None)
        if has_more:
            raise WrongValue("it must have no user, query or fragment, as in " + example)
        if not _is_printable(stripped) or ODD_SEGMENT.search(path):
            raise WrongValue("it must have only ASCII without blanks, and no empty part, . or .. "
                             "in its path, as in " + example, stripped)
        return origin + path.rstrip("/")
    return check


def _split(text: str) -> Tuple[str, str, bool]:
    """Return origin ("" if not absolute), path, and whether a user, query or fragment is there."""
    try:
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return (f"{parts.scheme}://{parts.netloc}", parts.path,
                    bool(parts.username is not None or parts.query or parts.fragment))
    except ValueError:
        pass
    return "", "", False


def shown(value: Any) -> str:
    """Return a value's repr to show in an error, truncated if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "too long a number"
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
