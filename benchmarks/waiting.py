"""Waits for conditions, such as values in a sensor's /health."""
import time
from typing import Any, Callable, Dict

import requests

__all__ = ["SLOW_PERIOD", "are_histories_read", "health_of", "wait"]

TIMEOUT = 60.0  # seconds
PERIOD = 0.02  # seconds between two checks of a condition
SLOW_PERIOD = 0.1  # the same if each check takes time of the server that is measured


def wait(condition: Callable[[], Any], seconds: float = TIMEOUT, period: float = PERIOD) -> Any:
    """Return the first true value of a condition; raise TimeoutError after some seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"the condition was not met within {seconds:.0f} s")
        time.sleep(period)


def health_of(port: int) -> Dict[str, Any]:
    """Return the content of the sensor's /health; {} while there is no response."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"http://127.0.0.1:{port}/hipchat/health",
                               timeout=TIMEOUT).json()
        except requests.RequestException:
            return {}


def are_histories_read(port: int, rooms: int) -> bool:
    """Return whether the sensor has read the histories of this number of rooms, and all of them."""
    history = health_of(port).get("history", {})
    return history.get("rooms") == rooms and not history["doubtful"]
