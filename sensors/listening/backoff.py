"""Computes growing delays between attempts (exponential backoff)."""

__all__ = ["Backoff"]


class Backoff:
    """Computes the delay after each failed attempt: 1, 2, 4, ... seconds, at most retry_max.

        backoff = Backoff(timing.STREAM_RETRY_MAX)
        while not connect():
            eventlet.sleep(backoff.failed())
        backoff.succeeded()
    """

    def __init__(self, retry_max: float):
        self._retry_max = retry_max
        self._next = 1.0

    def failed(self) -> float:
        """Note a failed attempt; return the seconds to wait before the next one."""
        delay, self._next = self._next, min(self._next * 2, self._retry_max)
        return delay

    def succeeded(self) -> None:
        """Note a successful attempt: the next failure has the shortest delay again."""
        self._next = 1.0
