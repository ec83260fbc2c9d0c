"""Signs deliveries to an integration with a JSON Web Token (HS256)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any, Dict, Optional

from sandbox.hipchat_server.models import Client

LIFE_SECONDS = 3600


def sign(client: Client, room_id: int, user_id: Optional[int] = None) -> str:
    """Return a token with HipChat's claims, signed with the integration's secret."""
    now = int(time.time())
    claims = {"iss": client.id, "iat": now, "exp": now + LIFE_SECONDS,
              "jti": secrets.token_hex(10), "context": {"room_id": room_id, "user_tz": "UTC"}}
    if user_id is not None:
        claims["sub"] = str(user_id)
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.new(client.secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(signature)}"


def _part(value: Dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
