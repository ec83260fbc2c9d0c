"""Servers in separate processes, which print their URL in the first line."""
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, IO, Iterator, Optional, Sequence

import psutil

__all__ = ["REPOSITORY", "Server", "run"]

REPOSITORY = Path(__file__).resolve().parents[1]


class Server:
    """A process that runs during a `with` block.

    Attributes:
        url: the last word of the first line that the process prints.
    """

    def __init__(self, command: Sequence[str], env: Optional[Dict[str, str]] = None,
                 log: Optional[IO] = None):
        self._process = subprocess.Popen(
            command, cwd=str(REPOSITORY), env=env, stdout=subprocess.PIPE,
            stderr=log or subprocess.DEVNULL, universal_newlines=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command[:6])} did not start")
        self.url = line.split()[-1]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def lines(self) -> Iterator[str]:
        """Yield the lines that the process prints after the first, until it ends."""
        return iter(self._process.stdout)

    def handles(self) -> int:
        """Return the number of open files and sockets."""
        return psutil.Process(self._process.pid).num_fds()

    def memory(self) -> float:
        """Return the unique set size in MiB."""
        return psutil.Process(self._process.pid).memory_full_info().uss / 2 ** 20

    def cpu(self) -> float:
        """Return the processor time so far, in seconds."""
        return sum(psutil.Process(self._process.pid).cpu_times()[:2])


def run(module: str, *arguments: str) -> Server:
    """Start a server that is a module, with sensors/ on its path."""
    env = dict(os.environ, PYTHONPATH=str(REPOSITORY / "sensors"))
    return Server([sys.executable, "-m", module, *arguments], env)
