"""Failed tasks restart, and /health reports them."""
import eventlet
import pytest
from eventlet.event import Event
from support.context import LOG
from support.waiting import wait_until

from listening import timing
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor

REASON = "task: failed unexpectedly and is restarted"


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between two beginnings as they would be; they take no time here."""
    asked = []

    def sleep(seconds):
        asked.append(seconds)
        eventlet.sleep(0.001)

    monkeypatch.setattr("listening.operations.supervisor.sleep", sleep)
    return asked


@pytest.fixture
def health():
    return Health(LOG)


@pytest.fixture
def keep(health, tasks):
    return lambda task: Supervisor(health).run_forever("task", task)


def failing(errors):
    """A task that raises one after the other of these, and then runs."""
    remaining = iter(errors)

    def task():
        for error in remaining:
            raise error
        eventlet.sleep(60)

    return task


@pytest.mark.parametrize("error", [
    ValueError("odd"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), RecursionError("odd"),
    eventlet.Timeout(None), SystemError("odd"), KeyboardInterrupt()],
    ids=lambda error: type(error).__name__)
def test_a_task_begins_again_whatever_it_raises(keep, health, caplog, monkeypatch, error):
    pause = Event()
    monkeypatch.setattr("listening.operations.supervisor.sleep", lambda seconds: pause.wait())
    monkeypatch.setattr(timing, "TASK_STEADY_DELAY", 0.05)
    keep(failing([error]))
    wait_until(lambda: health.report()["reasons"] == [REASON])
    assert type(error).__name__ in caplog.records[0].getMessage()
    assert "test_supervisor.py:" in caplog.records[0].getMessage()
    pause.send()
    wait_until(lambda: health.report()["status"] == "ok")


def test_a_task_that_fails_again_and_again_is_logged_once_and_restarts_ever_more_rarely(
        keep, health, pauses, caplog):
    keep(failing([ValueError("odd")] * 7))
    wait_until(lambda: len(pauses) == 7)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()


def test_a_task_that_ran_for_a_while_begins_soon_again(keep, pauses, monkeypatch):
    monkeypatch.setattr(timing, "TASK_STEADY_DELAY", 0.01)

    def task():
        eventlet.sleep(0.05)
        raise ValueError("odd")

    keep(task)
    wait_until(lambda: len(pauses) > 2)
    assert pauses[:3] == [1, 1, 1]


def test_a_task_that_is_done_does_not_begin_again(keep, health, pauses):
    began = []
    remaining = [ValueError("odd")]

    def task():
        began.append(True)
        if remaining:
            raise remaining.pop()

    keep(task).wait()
    assert began == [True, True] and pauses == [1]
    assert health.report()["status"] == "ok"


def test_a_task_that_is_killed_does_not_begin_again(keep, health, pauses):
    task = keep(lambda: eventlet.sleep(60))
    eventlet.sleep(0)
    task.kill()
    wait_until(lambda: task.dead)
    assert pauses == []
    assert health.report()["status"] == "ok"
