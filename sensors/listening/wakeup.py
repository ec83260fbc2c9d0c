"""A signal that wakes a greenlet which waits for work."""
from typing import Optional

import eventlet
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

    @property
    def is_set(self) -> bool:
        """True if the next wait() returns immediately."""
        return self._event.ready()

    def set(self) -> None:
        """End the current wait(), or the next one."""
        if not self._event.ready():
            self._event.send()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Wait for set().

        Args:
            seconds: the longest time to wait; None waits without a limit.

        Returns:
            True if set() was called; False if the time was up first.
        """
        with eventlet.Timeout(seconds, False):
            self._event.wait()
        woken, self._event = self._event.ready(), Event()
        return woken
