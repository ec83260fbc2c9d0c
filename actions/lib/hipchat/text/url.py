"""Normalizes URLs: two spellings of one URL become equal."""
from urllib.parse import unquote, urlsplit

__all__ = ["normalized_url"]

PORTS = {"http": 80, "https": 443}


def normalized_url(url: str) -> str:
    """Return a URL in a normalized spelling.

    Scheme and host are in lower case, the scheme's default port is left out, and the path is
    decoded and has no slash at its end. A URL that is invalid or has a user, a query or a fragment
    is returned unchanged, because the pack makes no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment or (
            min(url) < " "):  # urlsplit removes control characters
        return url
    # Python 3.10 and older accept a name in brackets.
    host = f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname
    suffix = "" if port in (None, PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}{unquote(parts.path).rstrip('/')}"
