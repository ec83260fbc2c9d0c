"""Lists the webhooks of rooms, for the actions that show and remove them."""
from typing import Any, Dict, Iterator, Optional

from hipchat.api.client import Client
from hipchat.config.validators import PUBLIC_URL_EXAMPLE
from hipchat.errors import ConfigError
from hipchat.text.masking import mask
from hipchat.webhook.ownership import Ownership
from hipchat.config.sensor_settings import SensorSettings

__all__ = ["ownership_of", "webhooks_in"]


def ownership_of(settings: SensorSettings) -> Ownership:
    """Return the Ownership of the sensor's webhooks; raises ConfigError without public_url."""
    if not settings.public_url:
        raise ConfigError(["webhook.public_url: set it to a URL such as " + PUBLIC_URL_EXAMPLE])
    return Ownership(settings)


def webhooks_in(client: Client, ownership: Optional[Ownership],
                room: Any) -> Iterator[Dict[str, Any]]:
    """Yield the webhooks of a room, with `ours` added and the signatures in URLs masked.

    Calls GET /v2/room/{id_or_name}/webhook, with the scope admin_room. `ours` is True for the
    sensor's webhooks, and for those that our secret has signed for another public_url. Without
    ownership it is False for all.
    """
    for webhook in client.items("room", room, "webhook"):
        ours = ownership and (ownership.is_ours(webhook) or ownership.other_public_url(webhook))
        yield dict(webhook, url=mask(str(webhook.get("url")), ()), ours=bool(ours))
