"""The JWT with which HipChat signs what it posts for an integration."""
from typing import Any, Dict, Optional
from urllib.parse import parse_qs

import jwt

__all__ = ["is_signed"]

LEEWAY = 60  # seconds by which HipChat's clock may differ from ours


def is_signed(environ: Dict[str, Any], oauth_id: str, oauth_secret: str) -> bool:
    """Whether a WSGI request carries a valid JWT of HipChat's for this integration.

    In the header `Authorization: JWT ...` or in the query as signed_request; HS256 with the
    integration's secret, issued for its id, and not expired.
    """
    token = _token(environ)
    if token is None:
        return False
    try:
        jwt.decode(token, oauth_secret, algorithms=["HS256"], issuer=oauth_id, leeway=LEEWAY,
                   # HipChat's iat was seen in seconds and in milliseconds, and its sub is the id
                   # of a user, a number; exp is what counts.
                   options={"require": ["exp", "iss"], "verify_iat": False, "verify_aud": False,
                            "verify_sub": False, "verify_jti": False})
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return False
    return True


def _token(environ: Dict[str, Any]) -> Optional[str]:
    kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind == "JWT":
        token = token.strip()
        return token[len("token="):] if token.startswith("token=") else token
    return parse_qs(environ.get("QUERY_STRING", "")).get("signed_request", [None])[0]
