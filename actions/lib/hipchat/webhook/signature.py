"""Makes the signatures in the URLs that HipChat, and the action hipchat.check, call."""
import base64
import hashlib
import hmac

__all__ = ["signature"]


def signature(secret: bytes, purpose: str, *parts: object) -> str:
    """Return a signature: an HMAC-SHA256 in URL-safe base64, 256 bits in 43 characters.

    Args:
        secret: the key.
        purpose: what the signature is for; it is signed too, so the signature for one purpose is
            invalid for another.
        parts: the values to sign. Only the last may contain a line feed, which separates them.
    """
    text = "\n".join([purpose, *map(str, parts)])
    digest = hmac.new(secret, text.encode("utf-8"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
