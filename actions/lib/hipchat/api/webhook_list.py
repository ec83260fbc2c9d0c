"""Lists the webhooks of a room, for the actions list_webhooks and remove_webhooks."""
from typing import Any, Dict, Iterator, Optional

from hipchat.api.client import Client
from hipchat.config.validators import PUBLIC_URL_EXAMPLE
from hipchat.errors import ConfigError
from hipchat.text.masking import mask
from hipchat.webhook.ownership import Ownership
from hipchat.config.sensor_settings import SensorSettings

__all__ = ["ownership_of", "webhooks_in"]


def ownership_of(settings: SensorSettings) -> Ownership:
    """Return the object that recognizes the webhooks that the sensor has created.

    Raises ConfigError if the config has no webhook.public_url.
    """
    if not settings.public_url:
        raise ConfigError(["webhook.public_url: set it to a URL such as " + PUBLIC_URL_EXAMPLE])
    return Ownership(settings)


def webhooks_in(client: Client, ownership: Optional[Ownership],
                room: Any) -> Iterator[Dict[str, Any]]:
    """Yield HipChat's webhooks of a room, with `ours` added and the signatures in URLs masked.

    Calls GET /v2/room/{id_or_name}/webhook, which needs the scope admin_room. `ours` is True for a
    webhook that the sensor has created, also if its URL is below another public_url and signed with
    the sensor's secret.

    Args:
        ownership: from ownership_of(); None makes `ours` False for all webhooks.
        room: the room's name or ID.
    """
    for webhook in client.items("room", room, "webhook"):
        ours = ownership and (ownership.is_ours(webhook) or ownership.other_public_url(webhook))
        yield dict(webhook, url=mask(str(webhook.get("url")), ()), ours=bool(ours))
