"""Exponential backoff."""

__all__ = ["Backoff"]


class Backoff:
    """Delays of 1, 2, 4, ... seconds, at most `longest`."""

    def __init__(self, longest: float):
        self._longest = longest
        self._next = 1.0

    def failed(self) -> float:
        """Return the seconds to wait before the next attempt."""
        delay, self._next = self._next, min(self._next * 2, self._longest)
        return delay

    def succeeded(self) -> None:
        """Start again with the shortest delay."""
        self._next = 1.0
