"""The sensor's /health: its URLs, and what answers there."""
from typing import Any, Dict, Optional, Tuple

import requests

from hipchat.config.sensor_settings import SensorSettings
from hipchat.api.transport import FAILURES, http_session, send
from hipchat.webhook.signature import signature

__all__ = ["Unanswered", "Untrusted", "ask", "details_url", "health_url"]

LARGEST = 1024 ** 2  # bytes


class Unanswered(Exception):
    """There is no valid response in time; str() is the kind of failure."""


class Untrusted(Unanswered):
    """The TLS certificate is not trusted here."""


def health_url(public_url: str) -> str:
    """Return the URL where anybody can read how the sensor is, without names."""
    return public_url + "/health"


def details_url(public_url: str, secret: bytes) -> str:
    """Return the URL where those who have the sensor's config read what is wrong, with names."""
    return f"{health_url(public_url)}/{signature(secret, 'health')}"


def ask(url: str, settings: SensorSettings, timeout: float
        ) -> Tuple[int, Optional[Dict[str, Any]]]:
    """Return the status and the report of a sensor at one of these URLs, within timeout (seconds).

    The report is None where what answers is no sensor.

    Raises:
        Unanswered, Untrusted.
    """
    try:
        # The token must not travel there, nor what ~/.netrc says. Who answers is not known: it may
        # be somebody who copied one of our URLs.
        with http_session() as session:
            response = send(session, "GET", url, timeout=timeout, verify=settings.api.verify,
                            largest=LARGEST, auth=lambda request: request)
    except requests.exceptions.SSLError as error:
        raise Untrusted(type(error).__name__) from None
    except FAILURES as error:
        raise Unanswered(type(error).__name__) from None
    try:
        report = response.json()
    except ValueError:
        return response.status, None
    is_sensors = isinstance(report, dict) and isinstance(report.get("webhooks"), dict)
    return response.status, report if is_sensors else None
