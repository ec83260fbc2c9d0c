"""The webhooks of rooms as HipChat has them, for people to see and to remove."""
from typing import Any, Dict, Iterator, Optional

from hipchat.client import Client
from hipchat.masking import mask
from hipchat.settings import SensorSettings
from hipchat.webhook_url import WebhookUrl

__all__ = ["urls_of", "webhooks_in"]


def urls_of(config: Optional[Dict[str, Any]]) -> WebhookUrl:
    """What tells the sensor's webhooks from others; ConfigError where no public_url is set."""
    settings = SensorSettings.from_config(config)
    return WebhookUrl(settings.public_url, settings.secret)


def webhooks_in(client: Client, urls: Optional[WebhookUrl], room: str) -> Iterator[Dict[str, Any]]:
    """The webhooks of a room, each with `ours`, and no URL with its signature.

    GET /v2/room/{id_or_name}/webhook, with the scope admin_room. Without urls none is ours.
    """
    for webhook in client.items("room", room, "webhook"):
        url = str(webhook.get("url"))
        yield dict(webhook, url=mask(url, ()), ours=bool(urls and urls.is_ours(url)))
