"""Lists the webhooks of a room, for the actions list_webhooks and remove_webhooks."""
from typing import Any, Dict, Iterator, Optional

from hipchat.api.client import Client
from hipchat.config.validators import PUBLIC_URL_EXAMPLE
from hipchat.errors import ConfigError
from hipchat.text.masking import mask
from hipchat.webhook.webhook_url import WebhookUrl
from hipchat.config.sensor_settings import SensorSettings

__all__ = ["urls_of", "webhooks_in"]


def urls_of(settings: SensorSettings) -> WebhookUrl:
    """Return the object that recognizes the webhooks that the sensor has created.

    Raises ConfigError if the config has no webhook.public_url.
    """
    if not settings.public_url:
        raise ConfigError(["webhook.public_url: set it to a URL such as " + PUBLIC_URL_EXAMPLE])
    return WebhookUrl(settings.public_url, settings.secret)


def webhooks_in(client: Client, urls: Optional[WebhookUrl], room: Any) -> Iterator[Dict[str, Any]]:
    """Yield HipChat's webhooks of a room, with `ours` added and the signatures in URLs masked.

    Calls GET /v2/room/{id_or_name}/webhook, which needs the scope admin_room. `ours` is True for a
    webhook that the sensor has created, also if its URL is below another public_url and signed with
    the sensor's secret.

    Args:
        urls: from urls_of(); None makes `ours` False for all webhooks.
        room: the room's name or ID.
    """
    for webhook in client.items("room", room, "webhook"):
        url = str(webhook.get("url"))
        ours = urls and (urls.is_ours(url) or urls.other_public_url(url))
        yield dict(webhook, url=mask(url, ()), ours=bool(ours))
