"""Reads the request that HipChat sends when the add-on is installed or updated (a callback)."""
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit

from hipchat.text.shallow_json import loads
from hipchat.text.url import normalized_url

__all__ = ["Claim", "group_id", "is_capabilities_of"]

LONGEST_BODY = 16384  # bytes; HipChat's has about 250
LONGEST_TEXT = 200  # characters; HipChat's IDs and secrets have about 40


class Claim(NamedTuple):
    """The content of a callback about an installation. It is unsigned: anybody can send one.

    Attributes:
        oauth_id: the OAuth client that HipChat created for the add-on.
        secret: the client's secret; None in the callback about an update.
        capabilities_url: identifies the HipChat that sent the callback.
        group: HipChat's ID of the group; None if the callback does not state it.
    """

    oauth_id: str
    secret: Optional[str]
    capabilities_url: str
    group: Optional[int]

    @classmethod
    def read(cls, raw: bytes) -> "Claim":
        """Parse the body of a callback about an installation.

        Raises:
            ValueError: the body is wrong. The error's message is safe to send to the client.
        """
        if len(raw) > LONGEST_BODY:
            raise ValueError(f"the body has more than {LONGEST_BODY} bytes")
        try:
            body = loads(raw.decode("utf-8"))
        except ValueError:
            raise ValueError("the body is not JSON") from None
        if not isinstance(body, dict):
            raise ValueError("the body is not about an installation")
        if body.get("roomId") is not None:
            raise ValueError("the add-on is for the whole group, and not for one room")
        secret, oauth_id = body.get("oauthSecret"), _text(body, "oauthId")
        if ":" in oauth_id:  # a colon ends the user name in Basic authentication (RFC 7617)
            raise ValueError("the body has no valid oauthId")
        return cls(oauth_id, None if secret is None else _text(body, "oauthSecret"),
                   _text(body, "capabilitiesUrl"), group_id(body.get("groupId")))


def _text(body: Any, key: str) -> str:
    value = body.get(key)
    if (not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT or
            not all(33 <= ord(character) < 127 for character in value)):
        raise ValueError(f"the body has no valid {key}")
    return value


def group_id(value: Any) -> Optional[int]:
    """Return a group's ID in HipChat's JSON (a string of digits, or an integer) as an integer.

    None stays None. Raises ValueError for another value.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("the body has no valid groupId")
    return value


def is_capabilities_of(url: str, api_url: str) -> bool:
    """Return whether a URL is the capabilities URL of the HipChat at api_url.

    Scheme, host and port are normalized, the path must be equal. A user, a query, a fragment or
    an IP address in another notation makes the URL different. All characters of the URL must be
    printable ASCII.
    """
    expected = api_url + "/capabilities"
    return url.endswith(urlsplit(expected).path) and normalized_url(url) == normalized_url(expected)
