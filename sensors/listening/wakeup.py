"""A signal that wakes a greenlet which waits for work."""
from typing import Optional

from eventlet.event import Event

__all__ = ["WakeUp"]


class WakeUp:
    """Wakes one greenlet from wait(). A set() while the greenlet is busy ends its next wait().

        while True:
            do_work()
            wake_up.wait(60.0)  # returns immediately if set() was called during do_work()
    """

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """End the current wait(), or the next one."""
        if not self._event.ready():
            self._event.send()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Wait for set(), but at most `seconds`; return True if set() was called."""
        self._event.wait(seconds)
        is_set, self._event = self._event.ready(), Event()
        return is_set
