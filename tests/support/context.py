"""What the sensor's parts share, for tests of one part."""
import logging
import time
from types import SimpleNamespace

from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import SensorSettings
from listening.context import Context
from listening.subscriptions import Subscriptions
from listening.operations.health import Health

LOG = logging.getLogger("sensor")
CONFIG = {"api_key": "t" * 40, "api_url": "http://hipchat/v2",
          "webhook": {"public_url": "http://st2", "secret": "s" * 16}}


def make_context(config=None, **parts):
    """A Context of these parts; others are new, and the client only knows the time."""
    rooms = parts.get("rooms") or RoomDirectory()
    return Context(**dict({
        "settings": SensorSettings.from_config(CONFIG if config is None else config),
        "client": SimpleNamespace(now=time.time), "rooms": rooms, "health": Health(LOG),
        "subscriptions": Subscriptions([], [], rooms, LOG, lambda: None), "log": LOG}, **parts))
