"""HipChat's two limits: calls of a token, and messages of a token to a room."""

import math
import time
from typing import Dict, Hashable

from sandbox.hipchat_server.errors import ApiError

FLOOD_SECONDS = 60


class Window:
    """Counts calls, and starts again from zero after each window of `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._used, self._reset = 0, 0.0

    def take(self) -> bool:
        """Count a call, and return whether it is within the limit."""
        if time.time() >= self._reset:
            self._used, self._reset = 0, time.time() + self._seconds
        self._used += 1
        return self._used <= self._limit

    def headers(self, prefix: str) -> Dict[str, str]:
        """Return HipChat's headers for this limit; the reset is a float of whole seconds."""
        return {prefix + "-Limit": str(self._limit),
                prefix + "-Remaining": str(max(0, self._limit - self._used)),
                prefix + "-Reset": str(float(math.ceil(self._reset)))}


class Limits:
    """The windows of all tokens; each `count_` returns headers, or raises HipChat's 429."""

    def __init__(self, calls: int, seconds: float, messages: int) -> None:
        self._calls, self._seconds, self._messages = calls, seconds, messages
        self._windows: Dict[Hashable, Window] = {}

    def count_call(self, token: str) -> Dict[str, str]:
        return self._count("X-Ratelimit", token, self._calls, self._seconds)

    def count_message(self, token: str, to: int) -> Dict[str, str]:
        """Count a message to a room or a person."""
        return self._count("X-FloodControl", (token, to), self._messages, FLOOD_SECONDS)

    def _count(self, prefix: str, key: Hashable, limit: int, seconds: float) -> Dict[str, str]:
        window = self._windows.setdefault(key, Window(limit, seconds))
        allowed = window.take()
        headers = window.headers(prefix)
        if not allowed:
            raise ApiError(429, "Rate Limit exceeded", headers=headers)
        return headers
