"""The process that StackStorm's sensor container starts for a sensor."""
import os
import sys

__all__ = ["restart"]

WRAPPER = "sensor_wrapper.py"  # the program of such a process


def restart() -> None:
    """Replace this process by a new one with the same arguments, which reads the config again.

    The container sees no exit: it counts an exit as a failure, and starts a sensor no more that has
    failed three times in short order. Returns where this is another program than the container's
    (the sandbox); raises OSError where Python is gone, as during an upgrade of the pack.
    """
    if os.path.basename(sys.argv[0]) == WRAPPER:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable] + sys.argv)
