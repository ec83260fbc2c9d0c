"""Reads the sensor's /health."""
from typing import Any, Dict, Optional, Tuple

import requests

from hipchat.config.sensor_settings import SensorSettings
from hipchat.api.transport import FAILURES, http_session, send
from hipchat.webhook.signature import signature

__all__ = ["Unanswered", "Untrusted", "details_url", "health_url", "read_health"]

LARGEST = 1024 ** 2  # bytes


class Unanswered(Exception):
    """No complete response came in time; the text is the kind of failure."""


class Untrusted(Unanswered):
    """This host does not trust the TLS certificate."""


def health_url(public_url: str) -> str:
    """Return the URL of the public report, which contains no names."""
    return public_url + "/health"


def details_url(public_url: str, secret: bytes) -> str:
    """Return the URL of the report with names, which only the secret's owner can make."""
    return f"{health_url(public_url)}/{signature(secret, 'health')}"


def read_health(url: str, settings: SensorSettings) -> Tuple[int, Optional[Dict[str, Any]]]:
    """Read the report at one of these URLs.

    Returns:
        The HTTP status, and the report; None instead of the report if no sensor answers there.

    Raises:
        Unanswered: there is no response.
        Untrusted: the TLS certificate is not trusted.
    """
    try:
        # The server there is not known to be ours. So auth prevents that requests sends
        # credentials from ~/.netrc; the token is not sent either.
        with http_session() as session:
            response = send(session, "GET", url, timeout=settings.api.timeout, largest=LARGEST,
                            verify=settings.api.verify, auth=lambda request: request)
    except requests.exceptions.SSLError as error:
        raise Untrusted(type(error).__name__) from None
    except FAILURES as error:
        raise Unanswered(type(error).__name__) from None
    try:
        report = response.json()
    except ValueError:
        return response.status, None
    is_sensor = isinstance(report, dict) and isinstance(report.get("webhooks"), dict)
    return response.status, report if is_sensor else None
