"""Which of HipChat's webhooks are the sensor's own."""
from typing import Any, Dict, Optional

from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import WebhookUrl

__all__ = ["Ownership"]


class Ownership:
    """Knows a webhook by its URL: what lies below public_url and has our shape is ours.

    A webhook with our signature below another public_url may be a left-over of an earlier config,
    or that of another sensor with this token, which may be in use: it is shown to people and left
    to them.
    """

    def __init__(self, settings: SensorSettings):
        self.urls = WebhookUrl(settings.public_url, settings.secret)

    def is_ours(self, webhook: Dict[str, Any]) -> bool:
        """Tell whether a webhook, as HipChat lists it, is ours to keep or to delete."""
        return self.urls.is_ours(str(webhook.get("url")))

    def other_public_url(self, webhook: Dict[str, Any]) -> Optional[str]:
        """Return the other public_url for which our secret has signed a webhook.

        None if it is ours or another program's.
        """
        return None if self.is_ours(webhook) else self.urls.base_of(str(webhook.get("url")))
