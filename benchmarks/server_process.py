"""Servers in processes of their own, which say where they are in the first line they print."""
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, IO, Iterator, Optional, Sequence

import psutil

__all__ = ["REPOSITORY", "Server", "run"]

REPOSITORY = Path(__file__).resolve().parents[1]


class Server:
    """A process from `with` to its end; url is the last word of its first line."""

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
        """SIGKILL."""
        self._process.kill()

    def lines(self) -> Iterator[str]:
        """What it prints after the first line, until it ends."""
        return iter(self._process.stdout)

    def handles(self) -> int:
        """Files and sockets that are open."""
        return psutil.Process(self._process.pid).num_fds()

    def memory(self) -> float:
        """MiB that are the process's own (its unique set)."""
        return psutil.Process(self._process.pid).memory_full_info().uss / 2 ** 20

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return sum(psutil.Process(self._process.pid).cpu_times()[:2])


def run(module: str, *arguments: str) -> Server:
    """A server that is a module of this package."""
    env = dict(os.environ, PYTHONPATH=str(REPOSITORY / "sensors"))
    return Server([sys.executable, "-m", module, *arguments], env)
