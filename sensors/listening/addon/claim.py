"""What a callback claims about an installation. It is unsigned: anybody can send it."""
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit

from hipchat.text.shallow_json import loads
from hipchat.text.url import normalized_url

__all__ = ["Claim", "group_id", "is_capabilities_of"]

LONGEST_BODY = 16384  # bytes; HipChat's has about 250
LONGEST_TEXT = 200  # characters of an id or a secret, which have about 40


class Claim(NamedTuple):
    """An installation as a callback claims it.

    Attributes:
        id: of the OAuth client.
        secret: None in the callback about an update.
        group: HipChat's ID of the group, None where the callback has none.
    """

    id: str
    secret: Optional[str]
    capabilities_url: str
    group: Optional[int]

    @classmethod
    def read(cls, raw: bytes) -> "Claim":
        """Read a callback's body; ValueError, with a text that is safe to send back."""
        try:
            body = loads(raw[:LONGEST_BODY + 1].decode("utf-8"))
        except ValueError:
            raise ValueError("the body is not JSON") from None
        if len(raw) > LONGEST_BODY or not isinstance(body, dict):
            raise ValueError("the body is no news of an installation")
        if body.get("roomId") is not None:
            raise ValueError("the add-on is for the whole group, and not for one room")
        secret, number = body.get("oauthSecret"), _text(body, "oauthId")
        if ":" in number:  # it ends the id where HipChat is asked for a token (RFC 7617)
            raise ValueError("the body has no oauthId that can be used")
        return cls(number, None if secret is None else _text(body, "oauthSecret"),
                   _text(body, "capabilitiesUrl"), group_id(body.get("groupId")))


def _text(body: Any, key: str) -> str:
    value = body.get(key)
    if (not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT or
            not all(33 <= ord(character) < 127 for character in value)):
        raise ValueError(f"the body has no {key} that can be used")
    return value


def group_id(value: Any) -> Optional[int]:
    """HipChat's ID of a group, which comes as a number or as text; ValueError for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("the body has no groupId that can be used")
    return value


def is_capabilities_of(url: str, api_url: str) -> bool:
    """Tell whether a URL of printable ASCII is that of the capabilities of the HipChat at api_url.

    Scheme, host and port are compared by what they mean, the path to the letter; whatever else
    there is in it (a user, a query, a fragment, an address in another notation) makes it another.
    """
    expected = api_url + "/capabilities"
    return url.endswith(urlsplit(expected).path) and normalized_url(url) == normalized_url(expected)
