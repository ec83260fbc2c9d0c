"""The pack's config, and signed URLs, for the benchmarks."""
from typing import Any, Dict, Sequence, Union

from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import Address, WebhookUrl

__all__ = ["FIRST_ROOM", "TOKEN", "config", "signed_url"]

TOKEN = "a-token-of-the-benchmarks-forty-letters-"
FIRST_ROOM = 1001  # the ID of the first room in the sandbox's HipChat
SECRET = "signs-the-urls-of-the-benchmarks"


def config(hipchat: str, port: int, directory: str,
           rooms: Union[str, Sequence[str]] = ()) -> Dict[str, Any]:
    """Return a whole config.

    Args:
        hipchat: the URL of HipChat's API.
        port: the port of the webhook endpoint.
        directory: the spool's directory.
        rooms: names of rooms, or "all".
    """
    return {"api_key": TOKEN, "api_url": hipchat, "events": ["message"],
            "rooms": rooms if rooms == "all" else list(rooms),
            "spool": {"directory": directory, "max_deliveries": 10 ** 6},
            "webhook": {"public_url": f"http://127.0.0.1:{port}/hipchat",
                        "host": "127.0.0.1", "port": port, "secret": SECRET}}


def signed_url(public_url: str, number: int) -> str:
    """Return the URL to which the sandbox's HipChat posts the messages of a room.

    Args:
        number: the room's place in the order of creation, from 0.
    """
    whole = config("http://127.0.0.1:1/v2", 1, "")
    secret = SensorSettings.from_config(whole).secret
    return WebhookUrl(public_url, secret).make(
        Address("room_message", FIRST_ROOM + number))
