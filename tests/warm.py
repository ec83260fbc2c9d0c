"""The sandbox's servers, forked from a process that has imported what they need.

Imports are half of what such a process costs, and the tests start hundreds. Each is a process of
its own all the same, with the command line's own main; the tests of that command line start it
whole.
"""
import functools
import gc
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from sandbox import __main__ as sandbox
from sandbox.server_process import REPOSITORY, ServerProcess

__all__ = ["WarmServer"]

IMPORTS = {"stackstorm": ["sandbox.stackstorm.process", "requests", "jwt"],
           "hipchat": ["sandbox.hipchat_server.app", "sandbox.hipchat_server.server"]}


def environment():
    """Of this process, without what pytest says in it of itself."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


ENVIRONMENT = environment()


class WarmServer(ServerProcess):
    """A ServerProcess that is forked, unless the test has changed the environment."""

    def __init__(self, command, *options, log=None):
        if environment() == ENVIRONMENT:
            self.command = command
            self._process = template(command).fork(options, log)
        else:
            super().__init__(command, *options, log=log)


@functools.lru_cache(maxsize=None)
def template(command):
    """The one process from which the servers of this command are forked."""
    return Template(command)


class Template:
    """Answers each line of JSON with one; ends with this process, which holds its stdin."""

    def __init__(self, command):
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__, command], cwd=str(REPOSITORY), universal_newlines=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=dict(ENVIRONMENT, PYTHONPATH=str(REPOSITORY)))

    def ask(self, **request):
        with self._lock:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())

    def fork(self, options, log):
        """Start one; log: a file, or None for this process's stderr."""
        reader, writer = os.pipe()
        here = "/proc/{}/fd/".format(os.getpid())
        with os.fdopen(writer):
            files = {1: here + str(writer)}
            if log:
                files[2] = here + str(log.fileno())
            pid = self.ask(options=options, files=files)
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


def returncode(pid):
    """Of a child, as subprocess has it; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def serve():
    """Fork a child for each request; returns in the child, with the options it is to run with."""
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            print(json.dumps(returncode(request["ended"])), flush=True)
            continue
        files = {int(number): os.open(path, os.O_WRONLY | os.O_APPEND)
                 for number, path in request["files"].items()}
        files[0] = os.open(os.devnull, os.O_RDONLY)
        pid = os.fork()
        if not pid:
            os.setsid()
            for number, file in files.items():
                os.dup2(file, number)
        for file in files.values():
            os.close(file)
        if not pid:
            return request["options"]
        print(pid, flush=True)
    sys.exit()


if __name__ == "__main__":
    command = sys.argv[1]
    for name in IMPORTS[command]:
        importlib.import_module(name)
    gc.freeze()  # a collection in a child would copy all of this
    options = serve()
    random.seed()  # or all would draw the same
    sys.exit(sandbox.main([command, *options]))
