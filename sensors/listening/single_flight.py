"""Shares one call of a function among the greenlets that call it at the same time."""
from typing import Any, Callable, List, Optional

from eventlet.event import Event

__all__ = ["SingleFlight"]


class SingleFlight:
    """Calls a function once for all greenlets that call this object at the same time.

    All these greenlets get the result or the exception of that one call, and resume in the order in
    which they called.
    """

    def __init__(self, function: Callable[[], Any]):
        self._function = function
        self._waiting: Optional[List[Event]] = None  # while a call runs

    def __call__(self) -> Any:
        if self._waiting is not None:
            outcome = Event()
            self._waiting.append(outcome)
            return outcome.wait()
        self._waiting = []
        try:
            result = self._function()
        except BaseException as error:
            for outcome in self._done():
                outcome.send_exception(error)
            raise
        for outcome in self._done():
            outcome.send(result)
        return result

    def _done(self) -> List[Event]:
        waiting, self._waiting = self._waiting or [], None
        return waiting
