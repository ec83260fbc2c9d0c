"""The URLs that HipChat posts to, signed: the only proof that a delivery comes from HipChat."""
import base64
import hashlib
import hmac
import secrets
from typing import NamedTuple, Optional
from urllib.parse import quote, unquote

from hipchat.events import HIPCHAT_EVENTS

__all__ = ["Address", "WebhookUrl"]


class Address(NamedTuple):
    """What a webhook URL stands for: HipChat's name of an event, and a room's name or id."""

    event: str
    room: str


class WebhookUrl:
    """Makes and reads `{public_url}/{event}/{room}/{signature}`.

    The signature is an HMAC-SHA256 over event and room, 256 bits in URL-safe base64. It needs no
    state to check, and it is the same after a restart, so webhooks are found again.
    """

    def __init__(self, public_url: str, secret: Optional[bytes]):
        self._prefix = public_url + "/"
        self._secret = secret or secrets.token_bytes(32)  # without one, none is signed by us

    def make(self, address: Address) -> str:
        """The signed URL."""
        return "{}{}/{}/{}".format(self._prefix, address.event, quote(address.room, safe=""),
                                   self._signature(address))

    def is_ours(self, url: str) -> bool:
        """Whether a URL lies below public_url, whatever its signature."""
        return url.startswith(self._prefix)

    def read(self, url: str) -> Optional[Address]:
        """What a URL stands for; None if it is not ours or not signed with our secret."""
        if not self.is_ours(url):
            return None
        # A proxy may have decoded %2F, so the room is all that stands between event and signature.
        event, _, rest = url[len(self._prefix):].partition("/")
        room, _, signature = rest.rpartition("/")
        address = Address(event, unquote(room))
        if event not in HIPCHAT_EVENTS or not room:
            return None
        expected = self._signature(address).encode("ascii")
        return address if hmac.compare_digest(expected, signature.encode("utf-8")) else None

    def _signature(self, address: Address) -> str:
        digest = hmac.new(self._secret, "\n".join(address).encode("utf-8"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest.digest()).decode("ascii").rstrip("=")
