"""Waits until something is so, most often what a sensor's listener says of itself."""
import time
from typing import Any, Callable, Dict

import requests

__all__ = ["SELDOM", "has_looked", "health_of", "wait"]

PATIENCE = 60.0  # seconds
SELDOM = 0.1  # seconds between two looks, where each costs whoever is measured


def wait(condition: Callable[[], Any], seconds: float = PATIENCE, pause: float = 0.02) -> Any:
    """The first true value; TimeoutError if there is none after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(pause)


def health_of(port: int) -> Dict[str, Any]:
    """What the sensor's listener says of it; {} while nobody listens or answers."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"http://127.0.0.1:{port}/hipchat/health",
                               timeout=PATIENCE).json()
        except requests.RequestException:
            return {}


def has_looked(port: int, rooms: int) -> bool:
    """Whether the sensor knows of nothing that it may have missed in so many rooms."""
    history = health_of(port).get("history", {})
    return history.get("rooms") == rooms and not history["doubtful"]
