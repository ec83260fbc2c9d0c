"""Who answers at the public_url of another sensor, in time."""
from typing import Optional

import eventlet

from hipchat.check.health import sensor_at
from hipchat.config.sensor_settings import SensorSettings
from listening import timing

__all__ = ["other_sensor_at"]


def other_sensor_at(public_url: str, settings: SensorSettings) -> Optional[str]:
    """What sensor_at returns, and None where it takes long.

    Its own timeout begins anew with each packet of a TLS handshake.
    """
    with eventlet.Timeout(timing.OTHER_SENSOR_TIMEOUT, False):
        return sensor_at(public_url, settings)
    return None
