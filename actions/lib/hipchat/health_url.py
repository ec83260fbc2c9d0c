"""Where the sensor tells what is wrong by name, to those who have its config."""
import base64
import hashlib
import hmac

__all__ = ["details_url"]


def details_url(public_url: str, secret: bytes) -> str:
    """`{public_url}/health/{signature}`: /health itself, which anybody can read, names nothing."""
    digest = hmac.new(secret, b"health", hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
    return "{}/health/{}".format(public_url, signature)
