"""A request to the webhook endpoint, as the checks see it."""
from dataclasses import dataclass
from typing import Any, Dict, Optional

from hipchat.webhook.webhook_url import Address

__all__ = ["Request"]


@dataclass
class Request:
    """Passes an HTTP request, and what the checks found in it, from check to check.

    Attributes:
        environ: the request's WSGI environment.
        path: the path as it was sent, without decoding %-escapes.
        address: the event and room in the signed URL of a room webhook; None for other URLs.
        addon_event: the event (HipChat's name) of a signed add-on URL; None for other URLs.
    """

    environ: Dict[str, Any]
    path: str
    address: Optional[Address] = None
    addon_event: Optional[str] = None

    @classmethod
    def of(cls, environ: Dict[str, Any]) -> "Request":
        """Create the Request for a WSGI environment.

        A proxy may send the whole URL as path (RFC 9112, 3.2.2); only its path is used then.
        """
        path = environ["RAW_PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        if path.lower().startswith(("http://", "https://")):
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        return cls(environ, path)

    @property
    def method(self) -> str:
        return self.environ["REQUEST_METHOD"]

    @property
    def query(self) -> str:
        return self.environ.get("QUERY_STRING", "")

    @property
    def room_id(self) -> Optional[int]:
        """The room ID in the signed URL of a room webhook; None for other URLs."""
        return self.address.room_id if self.address else None
