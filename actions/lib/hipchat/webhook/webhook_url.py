"""Makes and reads the signed URLs to which HipChat posts the events of a room.

With a personal token, the signature in the URL is the only proof that a delivery comes from
HipChat. A delivery to an integration or an add-on also has a JWT: see listening/http/jwt_check.py.
"""
import base64
import hashlib
import hmac
import re
import secrets
from typing import Match, NamedTuple, Optional

from hipchat.events import HIPCHAT_EVENTS
from hipchat.text.room_reference import is_room_id
from hipchat.text.url import normalized_url

__all__ = ["Address", "WebhookUrl", "signature"]

_END = f"/({'|'.join(sorted(HIPCHAT_EVENTS))})/(.+)/([A-Za-z0-9_-]{{43}})"
_BELOW, _LAST = re.compile(_END, re.DOTALL), re.compile(_END + r"\Z", re.DOTALL)
LONGEST_END = 300  # characters of event, room and signature; version 0.1.0 had room names


class Address(NamedTuple):
    """The event (by HipChat's name) and the room's ID that a webhook's URL contains."""

    event: str
    room_id: int


class WebhookUrl:
    """Makes and reads `{public_url}/{event}/{room ID}/{signature}`.

    HipChat may list a URL in another spelling than the sensor gave it, so URLs are normalized
    before they are compared.

    Args:
        secret: the key of the signatures; None to recognize no URL as signed.
    """

    def __init__(self, public_url: str, secret: Optional[bytes]):
        self._public_url, self._base = public_url, normalized_url(public_url)
        self._secret = secret or secrets.token_bytes(32)  # without a secret, no URL is signed

    def make(self, address: Address) -> str:
        """Return the signed URL for an event of a room."""
        return f"{self._public_url}/{address.event}/{address.room_id}/{self._signature(address)}"

    def is_ours(self, url: str) -> bool:
        """Return whether a URL has the form that make() returns; its signature may be wrong."""
        return self._below(url) is not None

    def read(self, url: str) -> Optional[Address]:
        """Return the event and room in a URL; None if its form or its signature is wrong."""
        return self._signed(self._below(url))

    def other_public_url(self, url: str) -> Optional[str]:
        """If our secret signed a URL for another public_url, return that public_url, normalized.

        A webhook with such a URL may be left over from an earlier config, or another sensor with
        this token may use it. If the URL is ours, or another program made it, return None.
        """
        if self.is_ours(url):
            return None
        normalized = normalized_url(url)
        start = max(0, len(normalized) - LONGEST_END)  # other programs' URLs have any length
        match = _LAST.search(normalized, start)
        return normalized[:match.start()] if match and self._signed(match) else None

    def _below(self, url: str) -> Optional[Match[str]]:
        normalized = normalized_url(url)
        if not normalized.startswith(self._base):
            return None
        return _BELOW.fullmatch(normalized[len(self._base):])

    def _signed(self, match: Optional[Match[str]]) -> Optional[Address]:
        """Return the event and room of a matched URL; None if the signature is wrong."""
        if not match or not is_room_id(match.group(2)):
            return None
        address = Address(match.group(1), int(match.group(2)))
        return address if hmac.compare_digest(self._signature(address), match.group(3)) else None

    def _signature(self, address: Address) -> str:
        return signature(self._secret, "room id", *address)


def signature(secret: bytes, purpose: str, *parts: object) -> str:
    """Return a signature for a URL: an HMAC-SHA256 in URL-safe base64, 43 characters.

    Args:
        purpose: is signed too, so the signature for one purpose is invalid for another.
        parts: the values to sign. Only the last may contain a line feed, which separates them.
    """
    text = "\n".join([purpose, *map(str, parts)])
    digest = hmac.new(secret, text.encode("utf-8"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
