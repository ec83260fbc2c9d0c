"""The one spelling in which URLs are compared."""
from urllib.parse import unquote, urlsplit

__all__ = ["normalized_url"]

PORTS = {"http": 80, "https": 443}


def normalized_url(url: str) -> str:
    """Return a URL in the spelling in which URLs are compared; what is none, as it is.

    Scheme and host are in small letters, the scheme's own port is left out, and the path is decoded
    and has no slash at its end. A URL with a user, a query or a fragment is none of ours.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment or (
            min(url) < " "):  # which urlsplit leaves out
        return url
    # Python 3.10 and older take [name] for the name.
    host = f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname
    place = "" if port in (None, PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{place}{unquote(parts.path).rstrip('/')}"
