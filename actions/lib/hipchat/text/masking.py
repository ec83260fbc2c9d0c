"""Keeps secrets out of logs and errors."""
import logging
import re
from typing import Callable, Iterable
from urllib.parse import quote

__all__ = ["MASK", "SecretFilter", "mask"]

MASK = "***"
# The signature that ends a webhook's URL: an HMAC-SHA256 in URL-safe base64.
_SIGNATURE = re.compile(r"(?<=/)[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return the text without these secrets, and without the signatures of webhook URLs."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    return _SIGNATURE.sub(MASK, text)


class SecretFilter(logging.Filter):
    """Masks secrets in log records.

    Args:
        secrets: returns the present secrets.
    """

    def __init__(self, secrets: Callable[[], Iterable[str]]):
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record's message; return True, so every record is logged."""
        record.msg, record.args = self.mask(record.getMessage()), ()
        return True

    def mask(self, text: str) -> str:
        """Return the text without the present secrets."""
        return mask(text, self._secrets())
