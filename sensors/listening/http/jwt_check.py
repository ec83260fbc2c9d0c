"""Checks the JWT with which HipChat signs its requests for an integration or add-on."""
from typing import Any, Dict, Optional
from urllib.parse import parse_qs

import jwt

from listening import timing

__all__ = ["is_signed"]

TIME_MAX = 2 ** 53  # no expiry in seconds or milliseconds is larger


def is_signed(environ: Dict[str, Any], oauth_id: str, oauth_secret: str, now: float) -> bool:
    """Return whether a request has a valid JWT from HipChat for an integration.

    The JWT is in the header `Authorization: JWT ...` or in the query as signed_request. The JWT
    must be signed (HS256) with the integration's secret, issued for its ID, and not expired.

    Args:
        oauth_id: the integration's OAuth client, which HipChat states as issuer.
        now: Unix time by HipChat's clock.
    """
    token = _token(environ)
    if token is None:
        return False
    try:
        claims = jwt.decode(
            token, oauth_secret, algorithms=["HS256"], issuer=oauth_id,
            # HipChat sends iat in seconds or in milliseconds, and a number as sub, which PyJWT
            # rejects. exp is checked below: PyJWT would compare it with our own clock.
            options={"require": ["exp", "iss"], "verify_exp": False, "verify_nbf": False,
                     "verify_iat": False, "verify_aud": False, "verify_sub": False,
                     "verify_jti": False})
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return False
    begins, ends = claims.get("nbf", now), claims["exp"]
    return (type(begins) in (int, float) and begins <= now + timing.JWT_LEEWAY and
            type(ends) in (int, float) and now - timing.JWT_LEEWAY < ends < TIME_MAX)


def _token(environ: Dict[str, Any]) -> Optional[str]:
    kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind == "JWT":
        token = token.strip()
        return token[len("token="):] if token.startswith("token=") else token
    return parse_qs(environ.get("QUERY_STRING", "")).get("signed_request", [None])[0]
