"""Reads the report that the sensor serves at /health."""
from typing import Any, Dict, Optional, Tuple

import requests

from hipchat.config.sensor_settings import SensorSettings
from hipchat.api.transport import FAILURES, http_session, send
from hipchat.webhook.webhook_url import signature

__all__ = ["Unanswered", "Untrusted", "details_url", "health_url", "read_health"]

LARGEST = 1024 ** 2  # bytes


class Unanswered(Exception):
    """The sensor's /health gave no complete response in time.

    The error's message is the kind of failure, such as "ConnectionError" or "ReadTimeout".
    """


class Untrusted(Unanswered):
    """This host does not trust the TLS certificate of the server at the URL of /health."""


def health_url(public_url: str) -> str:
    """Return the URL of the public report, which anybody can read: the report has no names."""
    return public_url + "/health"


def details_url(public_url: str, secret: bytes) -> str:
    """Return the URL of the report with names; the sensor's secret signs the URL."""
    return f"{health_url(public_url)}/{signature(secret, 'health')}"


def read_health(url: str, settings: SensorSettings) -> Tuple[int, Optional[Dict[str, Any]]]:
    """Read the report at a URL from health_url() or details_url().

    Returns:
        The HTTP status, and the report; None for the report if another server answers.

    Raises:
        Unanswered: there is no complete response.
        Untrusted: the TLS certificate is not trusted.
    """
    try:
        # The server at the URL may be another than the sensor. So the token is not sent, and
        # `auth` prevents that `requests` sends credentials from ~/.netrc.
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
