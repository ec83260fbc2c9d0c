"""The one signature of this pack: on the URLs that HipChat and hipchat.check call."""
import base64
import hashlib
import hmac

__all__ = ["signature"]


def signature(secret: bytes, purpose: str, *parts: object) -> str:
    """Return an HMAC-SHA256 in URL-safe base64: 256 bits in 43 characters.

    Args:
        purpose: separates the domains. Without it, one party's signed text might be another's.
        parts: what is signed for this purpose; all but the last must hold no line feed.
    """
    text = "\n".join([purpose, *map(str, parts)])
    digest = hmac.new(secret, text.encode("utf-8"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
