"""The sandbox's two servers as child processes."""

import selectors
import subprocess
import sys
from pathlib import Path
from typing import IO, Optional

REPOSITORY = Path(__file__).resolve().parents[1]
START_SECONDS = 60  # on a machine that is busy with much else
STOP_SECONDS = 5


class ServerProcessError(Exception):
    """A server did not start, or ended of itself; the text says which."""


class ServerProcess:
    """`python -m sandbox COMMAND ...`, which says its URL in the first line that it prints."""

    def __init__(self, command: str, *options: str, log: Optional[IO[str]] = None):
        self.command = command
        # In a session of its own, it is the parent alone that ends it on Ctrl-C.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", command, *options], cwd=str(REPOSITORY),
            stdout=subprocess.PIPE, stderr=log, universal_newlines=True, start_new_session=True)

    def url(self) -> str:
        """Wait for the URL; raises ServerProcessError."""
        with selectors.DefaultSelector() as selector:  # select() takes no file above 1,023
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(START_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise ServerProcessError(f"`sandbox {self.command}` did not start")
        return line.split()[-1]

    def check(self) -> None:
        """Raise ServerProcessError if it has ended."""
        if self._process.poll() is not None:
            raise ServerProcessError("`sandbox {}` ended with status {}".format(
                self.command, self._process.returncode))

    def stop(self) -> None:
        """End it, by force if it takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
