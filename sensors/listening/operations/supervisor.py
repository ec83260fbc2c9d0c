"""Runs the sensor's tasks in greenlets, and restarts those that raise an exception."""
import os
import time
import traceback
from collections import defaultdict
from typing import Any, Callable, Dict, Set

from eventlet import getcurrent, sleep, spawn, spawn_after
from greenlet import GreenletExit

from listening import timing
from listening.backoff import Backoff
from listening.operations.health import Health

__all__ = ["Supervisor"]


class Supervisor:
    """Runs tasks, each in a greenlet of its own, and restarts a task that raises an exception.

    The exception is a problem in /health until the restarted task has run for TASK_STEADY_DELAY. A
    task that returns is not restarted.
    """

    def __init__(self, health: Health):
        self._health = health
        self._failing: Dict[str, Set[Any]] = defaultdict(set)  # greenlets, by name

    def run_forever(self, name: str, task: Callable[[], None]) -> Any:
        """Start a task, and restart it after each exception, until it returns.

        Args:
            name: the part that /health shows with the problem if the task fails.

        Returns:
            The task's greenlet.
        """
        return spawn(self._run, name, task)

    def _run(self, name: str, task: Callable[[], None]) -> None:
        backoff = Backoff(timing.TASK_RETRY_MAX)
        while True:
            steady = spawn_after(timing.TASK_STEADY_DELAY, self._report_steady, name, getcurrent())
            began = time.monotonic()
            try:
                task()
                return self._report_steady(name, getcurrent())
            except GreenletExit:
                raise
            except BaseException as error:  # eventlet.Timeout is not an Exception
                self._failing[name].add(getcurrent())
                self._health.set_problem(
                    name, "failed unexpectedly and is restarted",
                    f"This is a defect of the pack; please report it: {error!r:.300} "
                    f"({_place(error)}).", about="task")
            finally:
                steady.cancel()
            if time.monotonic() - began > timing.TASK_STEADY_DELAY:
                backoff.succeeded()
            sleep(backoff.failed())

    def _report_steady(self, name: str, greenlet: Any) -> None:
        self._failing[name].discard(greenlet)
        if not self._failing[name]:
            self._health.clear_problem(name, about="task")


def _place(error: BaseException) -> str:
    """Return the innermost five places (file:line) of an error's traceback, on one line."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return " < ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}"
                      for frame in reversed(frames[-5:]))
