"""Growing pauses between attempts."""

__all__ = ["Backoff"]


class Backoff:
    """1, 2, 4, ... seconds, at most `longest`; succeeded() starts again."""

    def __init__(self, longest: float):
        self._longest = longest
        self._next = 1.0

    def failed(self) -> float:
        """How many seconds to wait before the next attempt."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause

    def succeeded(self) -> None:
        """The next pause is the shortest again."""
        self._next = 1.0
