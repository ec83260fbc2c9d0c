"""Recognizes, among a room's webhooks, those that this pack's sensor has created."""
from typing import Any, Dict, Optional

from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import WebhookUrl

__all__ = ["Ownership"]


class Ownership:
    """Recognizes by its URL a webhook that the sensor has created ("ours").

    A webhook is ours if its URL is below the config's public_url and has the form that WebhookUrl
    makes. A webhook below another public_url with a signature by our secret is not ours: it may be
    left over from an earlier config, or another sensor with this token may use it. The sensor
    reports such a webhook. It deletes the webhook only if it receives deliveries from the webhook.

    Attributes:
        urls: makes and reads the webhooks' URLs.
    """

    def __init__(self, settings: SensorSettings):
        self.urls = WebhookUrl(settings.public_url, settings.secret)

    def is_ours(self, webhook: Dict[str, Any]) -> bool:
        """Return whether the sensor created a webhook of HipChat's list, going by its URL."""
        return self.urls.is_ours(str(webhook.get("url")))

    def other_public_url(self, webhook: Dict[str, Any]) -> Optional[str]:
        """Return the public_url of a webhook that our secret has signed, if it is not the config's.

        If the webhook is ours, or was created by another program, return None.
        """
        return None if self.is_ours(webhook) else self.urls.base_of(str(webhook.get("url")))
