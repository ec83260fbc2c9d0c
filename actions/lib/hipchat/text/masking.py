"""Replaces secrets in logs and error messages by ***."""
import logging
import re
from typing import Callable, Iterable
from urllib.parse import quote

__all__ = ["MASK", "SecretFilter", "mask"]

MASK = "***"
# The signature that ends a webhook's URL: an HMAC-SHA256 in URL-safe base64.
_SIGNATURE = re.compile(r"(?<=/)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return a string with these secrets, and all signatures of webhook URLs, replaced by ***."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    return _SIGNATURE.sub(MASK, text)


class SecretFilter(logging.Filter):
    """A logging filter that masks secrets in log records, and drops none.

    Args:
        secrets: called for each record; returns the present secrets.
    """

    def __init__(self, secrets: Callable[[], Iterable[str]]):
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record's message; return True, so every record is logged."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a wrong log call must not raise an exception here
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self.mask(message), ()
        return True

    def mask(self, text: str) -> str:
        """Return a string with the present secrets masked."""
        return mask(text, self._secrets())
