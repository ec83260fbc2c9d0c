"""The URLs that HipChat posts to, signed: the only proof of origin that a personal token gives.

(The deliveries of an integration or an add-on carry a JWT besides: listening/http/jwt_check.py.)
"""
import hmac
import re
import secrets
from typing import Match, NamedTuple, Optional

from hipchat.events import HIPCHAT_EVENTS
from hipchat.text.room_reference import is_room_id
from hipchat.text.url import normalized_url
from hipchat.webhook.signature import signature

__all__ = ["Address", "WebhookUrl"]

_END = f"/({'|'.join(sorted(HIPCHAT_EVENTS))})/(.+)/([A-Za-z0-9_-]{{43}})"
_BELOW, _LAST = re.compile(_END, re.DOTALL), re.compile(_END + r"\Z", re.DOTALL)
LONGEST_END = 300  # characters: of an event, a room and a signature; version 0.1.0 had room names


class Address(NamedTuple):
    """What a webhook URL stands for: HipChat's name of an event, and a room's ID."""

    event: str
    room: int


class WebhookUrl:
    """Makes and reads `{public_url}/{event}/{room ID}/{signature}`.

    The signature covers event and room ID. It needs no state to check, and it is the same after a
    restart, so webhooks are found again. HipChat may list a URL in another spelling than it was
    given: URLs are compared in one.
    """

    def __init__(self, public_url: str, secret: Optional[bytes]):
        self._public_url, self._base = public_url, normalized_url(public_url)
        self._secret = secret or secrets.token_bytes(32)  # without one, none is signed by us

    def make(self, address: Address) -> str:
        """Return the signed URL."""
        return f"{self._public_url}/{address.event}/{address.room}/{self._signature(address)}"

    def is_ours(self, url: str) -> bool:
        """Tell whether a URL lies below public_url and has our shape, whatever its signature."""
        return self._below(url) is not None

    def read(self, url: str) -> Optional[Address]:
        """Return what a URL stands for; None if it is not ours or not signed with our secret."""
        return self._signed(self._below(url))

    def base_of(self, url: str) -> Optional[str]:
        """Return the normalized public_url, ours or another, of a URL that our secret has signed;
        None if it has not."""
        spelling = normalized_url(url)
        start = max(0, len(spelling) - LONGEST_END)  # others write URLs of any length
        found = _LAST.search(spelling, start)
        return spelling[:found.start()] if found and self._signed(found) else None

    def _below(self, url: str) -> Optional[Match[str]]:
        spelling = normalized_url(url)
        if not spelling.startswith(self._base):
            return None
        return _BELOW.fullmatch(spelling[len(self._base):])

    def _signed(self, found: Optional[Match[str]]) -> Optional[Address]:
        if not found or not is_room_id(found.group(2)):
            return None
        address = Address(found.group(1), int(found.group(2)))
        return address if hmac.compare_digest(self._signature(address), found.group(3)) else None

    def _signature(self, address: Address) -> str:
        return signature(self._secret, "room id", *address)
