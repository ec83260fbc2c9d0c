"""Wakes a greenlet that waits for work."""
from typing import Optional

import eventlet
from eventlet.event import Event

__all__ = ["WakeUp"]


class WakeUp:
    """A signal with a timeout for one greenlet. It is not lost while the greenlet is busy.

        while True:
            do_work()
            wake_up.wait(60.0)  # returns immediately if set() was called during do_work()
    """

    def __init__(self) -> None:
        self._event = Event()

    @property
    def is_set(self) -> bool:
        """Whether the next wait() returns immediately."""
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
            Whether set() was called before the time was up.
        """
        with eventlet.Timeout(seconds, False):
            self._event.wait()
        woken, self._event = self._event.ready(), Event()
        return woken
