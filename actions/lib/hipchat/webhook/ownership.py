"""Recognizes the sensor's own webhooks."""
from typing import Any, Dict, Optional

from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import WebhookUrl

__all__ = ["Ownership"]


class Ownership:
    """Recognizes a webhook by its URL: it is ours if it is below public_url and has our shape.

    A webhook with our signature below another public_url may be left over from an earlier config,
    or another sensor with this token may use it. The sensor reports it and does not delete it.
    """

    def __init__(self, settings: SensorSettings):
        self.urls = WebhookUrl(settings.public_url, settings.secret)

    def is_ours(self, webhook: Dict[str, Any]) -> bool:
        """Return whether a webhook in HipChat's list is ours, so the sensor may delete it."""
        return self.urls.is_ours(str(webhook.get("url")))

    def other_public_url(self, webhook: Dict[str, Any]) -> Optional[str]:
        """Return another public_url for which our secret has signed a webhook.

        Returns:
            None if the webhook is ours, or another program's.
        """
        return None if self.is_ours(webhook) else self.urls.base_of(str(webhook.get("url")))
