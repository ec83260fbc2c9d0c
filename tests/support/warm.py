"""The sandbox's servers, forked from a process that has imported what they need.

Imports are half of what such a process costs, and the tests start hundreds. Each is a process of
its own all the same, with the command line's own main; the tests of that command line start it
whole. All that run tests at once share the two processes from which is forked.
"""
import atexit
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import subprocess
import sys
import time
import uuid
# As they are before eventlet takes their modules' places.
from select import select
from socket import AF_UNIX, socket

from sandbox import __main__ as sandbox
from sandbox.server_process import REPOSITORY, ServerProcess

__all__ = ["Template", "WarmServer", "start_templates"]

SENSORS = REPOSITORY / "sensors"
NAME = "SANDBOX_TEMPLATES"  # of the variable that tells all that run tests what the two are called


def environment():
    """Of this process, without what pytest and this module say in it of themselves."""
    return {name: value for name, value in os.environ.items()
            if name not in (NAME, "PYTEST_CURRENT_TEST")}


ENVIRONMENT = environment()


def start_templates():
    """Start the processes from which servers are forked; each ends with its stdin."""
    os.environ[NAME] = uuid.uuid4().hex
    return [Template(command).start() for command in PREPARE]


class WarmServer(ServerProcess):
    """A ServerProcess that is forked, unless the environment or the pack is another.

    (The toy pack, whose modules bear names of their own, is forked from its Template.)
    """

    def __init__(self, command, *options, log=None):
        if environment() == ENVIRONMENT and "--pack" not in options:
            self.command = command
            self._process = Template(command).fork(options, log)
        else:
            super().__init__(command, *options, log=log)


class Template:
    """The process from which the servers of a command are forked: a line of JSON for a line."""

    def __init__(self, command):
        self._command = command

    def _address(self):
        return f"\x00sandbox-{os.environ[NAME]}-{self._command}"

    def start(self):
        with socket(AF_UNIX) as listener:
            listener.bind(self._address())
            listener.listen(128)
            return subprocess.Popen(
                [sys.executable, __file__, self._command, str(listener.fileno())],
                cwd=str(REPOSITORY), env=dict(ENVIRONMENT, PYTHONPATH=str(REPOSITORY)),
                pass_fds=[listener.fileno()], stdin=subprocess.PIPE)

    def ask(self, **request):
        with socket(AF_UNIX) as connection:
            connection.connect(self._address())
            with connection.makefile("rw") as file:
                print(json.dumps(request), file=file, flush=True)
                return json.loads(file.readline())

    def fork(self, options, log):
        """Start one; log: a file, or None for this process's stderr."""
        reader, writer = os.pipe()
        here = f"/proc/{os.getpid()}/fd/"
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


def serve(listener):
    """Fork a child for each request; returns in the child, with the options it is to run with."""
    while True:
        ready, _, _ = select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            sys.exit()
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as file:
            request = json.loads(file.readline())
            if "ended" in request:
                print(json.dumps(returncode(request["ended"])), file=file)
                continue
            files = {int(number): os.open(path, os.O_WRONLY | os.O_APPEND)
                     for number, path in request["files"].items()}
            files[0] = os.open(os.devnull, os.O_RDONLY)
            pid = os.fork()
            if pid:
                print(pid, file=file)
            else:
                os.setsid()
                listener.close()
                for number, each in files.items():
                    os.dup2(each, number)
            for each in files.values():
                os.close(each)
        if not pid:
            return request["options"]


def prepare_hipchat():
    """Import the server, and compile its routes."""
    from sandbox.hipchat_server import app, server  # noqa: F401
    app.routed()


def prepare_stackstorm():
    """Import the sandbox and the pack's sensor, but for what that has from StackStorm."""
    # The process first: it patches what the others import.
    from sandbox.stackstorm import process, pack, plugins
    process.Platform(pack.load(REPOSITORY, None))  # each file and template is parsed but once
    plugins.add_to_path(SENSORS)
    listening = pkgutil.walk_packages([str(SENSORS / "listening")], "listening.")
    for name in ["requests", "jwt", *(module.name for module in listening)]:
        importlib.import_module(name)


def use_own_hub():
    """Let this process wait for its own files: eventlet has one epoll, which a fork shares."""
    import eventlet.hubs
    eventlet.hubs.use_hub()


PREPARE = {"hipchat": prepare_hipchat, "stackstorm": prepare_stackstorm}

if __name__ == "__main__":
    command = sys.argv[1]
    PREPARE[command]()
    gc.freeze()  # a collection in a child would copy all of this
    options = serve(socket(fileno=int(sys.argv[2])))
    random.seed()  # or all would draw the same
    if command == "stackstorm":
        use_own_hub()
    status = sandbox.main([command, *options])
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)  # to take all of it to pieces would copy it too
