"""A process from which the sandbox's servers are forked: see warm.py.

It has imported what a server needs. A request is a line of JSON and so is the reply to it.
"""
import sys

del sys.path[0]  # its folder, of whose modules it needs none

import atexit
import gc
import importlib
import json
import os
import pkgutil
import random
# As they are before eventlet takes their modules' places.
from select import select
from socket import socket

from sandbox import __main__ as sandbox
from sandbox.server_process import REPOSITORY

SENSORS = REPOSITORY / "sensors"


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
