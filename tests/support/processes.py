"""The servers that tests have started, for the reports of failing tests."""
from dataclasses import dataclass
from typing import Any, Callable, Optional

LINES = 40


@dataclass
class Process:
    """A server that runs, or that has ended in the test that runs.

    owner: the fixture's value whose process it is; state: returns what it says of itself, such as
    /health; is_new: whether the test that runs has started it.
    """

    name: str
    owner: Any
    state: Optional[Callable]
    is_new: bool = True
    is_running: bool = True


_processes = {}  # by the paths of their logs


def watch(log_path, name, owner, state=None):
    """Show a server in the reports of failing tests, from now on."""
    _processes[log_path] = Process(name, owner, state)


def mark_ended(log_path):
    """Show a server in the report of the test that runs, and in no later one."""
    _processes[log_path].is_running = False


def end_test():
    """Forget the servers that have ended, and whom the test that ends has started."""
    for log_path, process in list(_processes.items()):
        process.is_new = False
        if not process.is_running:
            del _processes[log_path]


def sections(fixtures):
    """Titles and texts for the report of the test that runs.

    Of each server that it has started, or that is one of its fixtures: what it says of itself, and
    the end of its log.
    """
    owners, found = list(map(id, fixtures)), []
    for log_path, process in _processes.items():
        if not process.is_new and id(process.owner) not in owners:
            continue
        title = process.name if process.is_running else process.name + ", which has ended"
        if process.state and process.is_running:
            found.append((title, _said(process.state)))
        found.append((f"{title}: the last {LINES} lines of {log_path}", _tail(log_path)))
    return found


def _tail(log_path):
    try:
        lines = log_path.read_text(errors="replace").splitlines()
    except OSError as error:
        return str(error)
    return "\n".join(lines[-LINES:]) or "(nothing)"


def _said(state):
    try:
        return str(state())
    except Exception as error:  # it may be what the test found out
        return f"{type(error).__name__}: {error}"
