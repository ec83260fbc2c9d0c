"""The sandbox's two servers as child processes."""

import selectors
import subprocess
import sys
from pathlib import Path
from typing import IO, Optional, cast

REPOSITORY = Path(__file__).resolve().parents[1]
START_SECONDS = 60  # on a busy machine
STOP_SECONDS = 5


class ServerProcessError(Exception):
    """A server did not start, or ended unexpectedly; the text names it."""


class ServerProcess:
    """A process of `python -m sandbox COMMAND ...`; its first line of output ends in its URL."""

    def __init__(self, command: str, *options: str, log: Optional[IO[str]] = None):
        self.command = command
        # In its own session it gets no SIGINT from the terminal: the parent stops it on Ctrl-C.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", command, *options], cwd=str(REPOSITORY),
            stdout=subprocess.PIPE, stderr=log, universal_newlines=True, start_new_session=True)

    def url(self) -> str:
        """Wait for the server, and return its URL; raise ServerProcessError if it did not start."""
        with selectors.DefaultSelector() as selector:  # select() takes no descriptor above 1,023
            selector.register(self._stdout, selectors.EVENT_READ)
            ready = selector.select(START_SECONDS)
        line = self._stdout.readline() if ready else ""
        if not line:
            raise ServerProcessError(f"`sandbox {self.command}` did not start")
        return line.split()[-1]

    def check(self) -> None:
        """Raise ServerProcessError if the process has ended."""
        if self._process.poll() is not None:
            raise ServerProcessError(f"`sandbox {self.command}` ended with status "
                                     f"{self._process.returncode}")

    def stop(self) -> None:
        """Terminate the process, and kill it after five seconds."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()

    @property
    def _stdout(self) -> IO[str]:
        return cast(IO[str], self._process.stdout)  # never None, as Popen was given a pipe
