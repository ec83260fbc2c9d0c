"""Lists the webhooks of a room, for the actions list_webhooks and remove_webhooks."""
from typing import Any, Dict, Iterator, Optional

from hipchat.api.client import Client
from hipchat.text.masking import mask
from hipchat.webhook.webhook_url import WebhookUrl

__all__ = ["webhooks_in"]


def webhooks_in(client: Client, urls: Optional[WebhookUrl], room: Any) -> Iterator[Dict[str, Any]]:
    """Yield HipChat's webhooks of a room, with `ours` added and the signatures in URLs masked.

    Calls GET /v2/room/{id_or_name}/webhook, which needs the scope admin_room. `ours` is True for a
    webhook that the sensor has created, also if its URL is below another public_url and signed with
    the sensor's secret. Without `urls`, it is False for all webhooks.
    """
    for webhook in client.items("room", room, "webhook"):
        url = str(webhook.get("url"))
        ours = urls and (urls.is_ours(url) or urls.other_public_url(url))
        yield dict(webhook, url=mask(url, ()), ours=bool(ours))
