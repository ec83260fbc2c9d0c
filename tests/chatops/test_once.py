"""A message is run by one execution, however many hear it and in whatever order."""
import threading

import pytest

from chatops.command import ChatMessage
from chatops.errors import StackStormError
from chatops.once import REPEATED, is_repeated

HEARD = ChatMessage(1001, 2002, "Ann", "m1", "2026-05-04T09:30:00+00:00", "!x")


class Executions:
    """StackStorm's executions, as hipchat.run_command sees them: stored before they start."""

    def __init__(self):
        self._all, self._lock = {}, threading.Lock()

    def store(self, id, status="requested", message_id="m1", room=1001, **result):
        with self._lock:
            self._all[id] = {"id": id, "status": status, "result": {"result": result or None},
                             "parameters": {"message_id": message_id, "room": room}}

    def executions_since(self, action, since):
        assert action == "hipchat.run_command" and since == "2026-05-04T09:28:00.000000Z"
        with self._lock:
            return [dict(each) for each in self._all.values()]

    def execution(self, id):
        with self._lock:
            return dict(self._all[id])

    def run(self, id):
        """What an execution does; returns whether it has run the command."""
        repeated = is_repeated(HEARD, id, self, patience=0)
        self.store(id, "succeeded", outcome=REPEATED if repeated else "ran")
        return not repeated


@pytest.fixture
def executions():
    return Executions()


def test_the_first_runs_and_the_second_does_not(executions):
    for id, runs in (("a", True), ("b", False), ("c", False)):
        executions.store(id)
        assert executions.run(id) is runs


def test_one_that_comes_late_with_a_smaller_id_does_not_run_either(executions):
    executions.store("b")
    assert executions.run("b")
    executions.store("a")
    assert not executions.run("a")


def test_one_that_failed_midway_may_have_run_so_nobody_else_does(executions):
    executions.store("b", "failed")
    executions.store("a")
    assert not executions.run("a")


def test_one_that_stackstorm_does_not_show_runs_nothing(executions):
    """With permission_isolation, one sees the executions of one's own account alone."""
    with pytest.raises(StackStormError, match="permission_isolation"):
        is_repeated(HEARD, "a", executions, patience=0)


def test_one_that_hipchat_keeps_waiting_is_waited_for(executions, monkeypatch):
    monkeypatch.setattr("chatops.once.PATIENCE", 0)
    executions.store("a", "running")
    executions.store("b", "running")
    later = threading.Timer(0.5, executions.store, ("b", "succeeded"), {"outcome": REPEATED})
    later.start()
    assert not is_repeated(HEARD, "a", executions, patience=60)


@pytest.mark.parametrize("status", ["requested", "scheduled", "delayed"])
def test_one_that_has_not_begun_is_not_waited_for(executions, status):
    executions.store("a", "running")
    executions.store("b", status)
    assert executions.run("a") and not executions.run("b")


@pytest.mark.parametrize("other", [{"message_id": "m2"}, {"room": 1002}])
def test_another_message_is_another(executions, other):
    executions.store("a", "succeeded", outcome="ran", **other)
    executions.store("b")
    assert executions.run("b")


@pytest.mark.parametrize("number", [2, 3, 5])
def test_of_those_that_hear_it_at_once_exactly_one_runs(executions, number):
    ids = [str(each) for each in range(number)]
    for id in ids:
        executions.store(id, "running")
    ran, barrier = [], threading.Barrier(number)

    def run(id):
        barrier.wait()
        if executions.run(id):
            ran.append(id)

    threads = [threading.Thread(target=run, args=(id,)) for id in reversed(ids)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ran == ["0"]
