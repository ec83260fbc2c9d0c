"""A record of the objects that all parts of the sensor share."""
import logging
from dataclasses import dataclass

from hipchat.api.client import Client
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import SensorSettings
from listening import timing
from listening.operations.health import Health
from listening.subscriptions import Subscriptions

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """Gives every part the settings, and the objects that exist once per sensor.

    Attributes:
        settings: the pack's checked config.
        client: calls HipChat's API within the sensor's share of the rate limit.
        rooms: HipChat's list of rooms, to find a room's ID by its name and vice versa.
    """

    settings: SensorSettings
    client: Client
    rooms: RoomDirectory
    subscriptions: Subscriptions
    health: Health
    log: logging.Logger

    @property
    def dedup_kept(self) -> float:
        """The seconds for which a second delivery of a message is recognized and dropped."""
        return self.settings.catch_up + timing.DEDUP_KEPT
