"""The sandbox's servers, forked from a process that has imported what they need.

Imports are half of what such a process costs, and the tests start hundreds. Each is a process of
its own all the same, with the command line's own main; the tests of that command line start it
whole. All of pytest-xdist's workers share the two template processes.

A client of such a process can run any code. So it listens in a directory that no other user can
enter. (pytest-xdist's workers inherit no socket.)
"""
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from socket import AF_UNIX, socket

from sandbox.server_process import REPOSITORY, ServerProcess
from support import processes

__all__ = ["Template", "Templates", "WarmServer"]

COMMANDS = ("hipchat", "stackstorm")
SCRIPT = Path(__file__).with_name("template.py")
NAME = "SANDBOX_TEMPLATES"  # of the variable that tells all that run tests where the two listen


def environment():
    """Of this process, without what pytest and this module say in it of themselves."""
    return {name: value for name, value in os.environ.items()
            if name not in (NAME, "PYTEST_CURRENT_TEST")}


ENVIRONMENT = environment()
NUMBERS = itertools.count(1)


class Templates:
    """The processes from which servers are forked, until stop(); each ends with its stdin."""

    def __init__(self):
        os.environ[NAME] = tempfile.mkdtemp(prefix="sandbox-")  # of mode 0700
        self._processes = [Template(command).start() for command in COMMANDS]

    def stop(self):
        for process in self._processes:
            process.communicate()
        shutil.rmtree(os.environ.pop(NAME))


class WarmServer(ServerProcess):
    """A ServerProcess that is forked, unless the environment or the pack is another.

    Args:
        log_path: where its stderr is appended, by default a file of its own in `logs`.
        is_forked: True to fork for another pack, whose modules must have other names than this
            pack's.
    """

    logs = None  # a pathlib.Path, as long as tests run

    def __init__(self, command, *options, log_path=None, is_forked=None):
        if is_forked is None:
            is_forked = environment() == ENVIRONMENT and "--pack" not in options
        self.command = command
        self.log_path = log_path or self.logs / f"{command}-{next(NUMBERS)}.log"
        processes.watch(self.log_path, f"sandbox {command}", self)
        with open(str(self.log_path), "a") as log:
            if is_forked:
                self._process = Template(command).fork(options, log)
            else:
                super().__init__(command, *options, log=log)

    def stop(self):
        super().stop()
        processes.mark_ended(self.log_path)


class Template:
    """The process from which the servers of a command are forked: a line of JSON for a line."""

    def __init__(self, command):
        self._command = command

    def _address(self):
        return os.path.join(os.environ[NAME], self._command)

    def start(self):
        with socket(AF_UNIX) as listener:
            listener.bind(self._address())
            listener.listen(128)
            return subprocess.Popen(
                [sys.executable, str(SCRIPT), self._command, str(listener.fileno())],
                cwd=str(REPOSITORY), env=dict(ENVIRONMENT, PYTHONPATH=str(REPOSITORY)),
                pass_fds=[listener.fileno()], stdin=subprocess.PIPE)

    def ask(self, **request):
        with socket(AF_UNIX) as connection:
            connection.connect(self._address())
            with connection.makefile("rw") as file:
                print(json.dumps(request), file=file, flush=True)
                return json.loads(file.readline())

    def fork(self, options, log):
        """Start one; log: the file to which it writes what it has to say."""
        reader, writer = os.pipe()
        here = f"/proc/{os.getpid()}/fd/"
        with os.fdopen(writer):
            pid = self.ask(options=options, files={
                1: here + str(writer), 2: here + str(log.fileno())})
        return ForkedProcess(self, pid, os.fdopen(reader))


class ForkedProcess:
    """What ServerProcess and the tests use of a subprocess.Popen."""

    def __init__(self, template, pid, stdout):
        self._template, self.pid, self.stdout, self.returncode = template, pid, stdout, None

    def poll(self):
        if self.returncode is None:
            self.returncode = self._template.ask(ended=self.pid)
        return self.returncode

    def wait(self, timeout=None):
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.pid, timeout)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)
