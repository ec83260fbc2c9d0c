"""The URLs that HipChat posts to, signed: the only proof of origin that a personal token gives.

(What an integration or an add-on is told has a second, a JWT: listening/http/jwt_check.py.)
"""
import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple, Optional, Union
from urllib.parse import unquote, urlsplit

from hipchat.events import HIPCHAT_EVENTS
from hipchat.text.room_reference import is_room_id

__all__ = ["Address", "NamedAddress", "WebhookUrl", "normalised"]

PORTS = {"http": 80, "https": 443}
# A proxy may have decoded the slashes in a room's name: the room is all in between.
_END = f"/({'|'.join(sorted(HIPCHAT_EVENTS))})/(.+)/([A-Za-z0-9_-]{{43}})"
_BELOW, _LAST = re.compile(_END, re.DOTALL), re.compile(_END + r"\Z", re.DOTALL)
LONGEST_END = 300  # characters: of an event, a room and a signature; HipChat's names have 50


class Address(NamedTuple):
    """What a webhook URL stands for: HipChat's name of an event, and a room's id."""

    event: str
    room: int


class NamedAddress(NamedTuple):
    """What a webhook URL of version 0.1.0 stands for: it was signed over what a rule calls a
    room, its name as a rule."""

    event: str
    name: str


class WebhookUrl:
    """Makes and reads `{public_url}/{event}/{room id}/{signature}`.

    The signature is an HMAC-SHA256 over event and room id, 256 bits in URL-safe base64. It needs
    no state to check, and it is the same after a restart, so webhooks are found again. HipChat may
    list a URL in another spelling than it was given: URLs are compared in one.
    """

    def __init__(self, public_url: str, secret: Optional[bytes]):
        self._public_url, self._base = public_url, normalised(public_url)
        self._secret = secret or secrets.token_bytes(32)  # without one, none is signed by us

    def make(self, address: Address) -> str:
        """The signed URL."""
        return "{}/{}/{}/{}".format(self._public_url, *address, self._signature(address))

    def is_ours(self, url: str) -> bool:
        """Whether a URL lies below public_url and has our shape, whatever its signature."""
        return self._below(url) is not None

    def read(self, url: str) -> Union[Address, NamedAddress, None]:
        """What a URL stands for; None if it is not ours or not signed with our secret."""
        found = self._below(url)
        return self._signed(*found.groups()) if found else None

    def base_of(self, url: str) -> Optional[str]:
        """What stands before event and room, normalised, in a URL that our secret has signed,
        which may be another than public_url; None if it has not."""
        spelling = normalised(url)
        start = max(0, len(spelling) - LONGEST_END)  # others write URLs of any length
        found = _LAST.search(spelling, start)
        return spelling[:found.start()] if found and self._signed(*found.groups()) else None

    def _below(self, url: str):
        spelling = normalised(url)
        return _BELOW.fullmatch(spelling[len(self._base):]) if (
            spelling.startswith(self._base)) else None

    def _signed(self, event: str, room: str,
                signature: str) -> Union[Address, NamedAddress, None]:
        readings = [Address(event, int(room))] if is_room_id(room) else []
        for address in readings + [NamedAddress(event, room)]:
            if hmac.compare_digest(self._signature(address), signature):
                return address
        return None

    def _signature(self, address: Union[Address, NamedAddress]) -> str:
        # The two begin differently, or else the admin of a room could call it as another's id is.
        parts = ["room id"] if isinstance(address, Address) else []
        digest = hmac.new(self._secret, "\n".join(parts + [str(part) for part in address])
                          .encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest.digest()).decode("ascii").rstrip("=")


def normalised(url: str) -> str:
    """A URL in the one spelling in which URLs are compared; what is none, as it is.

    Scheme and host are in small letters, there is no port that goes without saying, and the path is
    decoded and has no slash at its end. One with a user, a query or a fragment is none of ours.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment or (
            min(url) < " "):  # which urlsplit leaves out
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = "" if port in (None, PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{place}{unquote(parts.path).rstrip('/')}"
