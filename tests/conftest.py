"""The fixtures and hooks of all tests."""
import contextlib
import gc
import getpass
import os
import sys
import tempfile
import uuid
from pathlib import Path

import hypothesis
import pytest

# No test looks up a name that is not near, and each process that runs tests imports eventlet.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

for directory in ("", "sensors", "actions/lib", "actions"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / directory))

from support import REPOSITORY, processes  # noqa: E402
from support.action_runner import ActionRunner  # noqa: E402
from support.load import Journal  # noqa: E402
from support.servers import EVENTS, Hipchat, Stackstorm, direct  # noqa: E402
from support.waiting import wait_until  # noqa: E402
from support.warm import Templates, WarmServer  # noqa: E402

# Files of tests that take long: see pytest_collection_modifyitems.
LONG = ("test_action_wait_for_message", "test_sample_rules", "test_sandbox_stackstorm")


@pytest.fixture(scope="session", autouse=True)
def logs(tmp_path_factory):
    """The folder for the logs of servers that get no log_path."""
    WarmServer.logs = tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def hipchat():
    """One HipChat for all tests that do not change its settings; make a room of your own in it."""
    with Hipchat("--room", "Factor") as server:
        yield server


@pytest.fixture
def http():
    """An HTTP session that ignores the proxies of the environment."""
    with direct() as session:
        yield session


@pytest.fixture
def journal(tmp_path):
    """The file for each dispatch of a sandbox's StackStorm that is started with its options."""
    return Journal(tmp_path)


@pytest.fixture
def act(hipchat):
    """Run an action here: act("get_room", config={...}, room="Factor") -> (succeeded, result)."""
    return ActionRunner(REPOSITORY / "actions", hipchat)


@pytest.fixture
def room(hipchat):
    """The name of a room that only this test uses."""
    return hipchat.make_room()


@pytest.fixture
def private_room(hipchat):
    """The name of a private room that only this test uses."""
    return hipchat.make_room(privacy="private")


@pytest.fixture
def start_hipchat():
    """Start a HipChat of the test's own: start_hipchat(*options of `sandbox hipchat`)."""
    with contextlib.ExitStack() as servers:
        yield lambda *options: servers.enter_context(Hipchat(*options))


@pytest.fixture
def start_stackstorm(tmp_path):
    """Start the pack: start_stackstorm(hipchat, options=(...), rooms=[...], webhook={...})."""
    with contextlib.ExitStack() as processes:
        def start(hipchat, **more):
            directory = tmp_path / f"stackstorm-{uuid.uuid4().hex[:8]}"
            directory.mkdir()
            return processes.enter_context(Stackstorm(directory, hipchat, **more))

        yield start


@pytest.fixture
def start_ready(start_stackstorm):
    """Start the pack as start_stackstorm does; return once HipChat has all its webhooks."""
    def start(hipchat, **more):
        process = start_stackstorm(hipchat, **more)
        wait_until(process.has_its_webhooks)
        return process

    return start


@pytest.fixture(scope="module")
def stackstorm(hipchat, tmp_path_factory):
    """One StackStorm with the pack, for the tests of a module, that listens in one room."""
    room = hipchat.make_room()
    with Stackstorm(tmp_path_factory.mktemp("stackstorm"), hipchat, rooms=[room],
                    default_room=room, events=EVENTS) as process:
        process.room = room
        wait_until(process.has_its_webhooks)
        yield process


@pytest.fixture
def tasks(monkeypatch):
    """The greenlets that the sensor's supervisor starts in this process; they end with the test."""
    from listening.operations import supervisor
    spawn, tasks = supervisor.spawn, []
    monkeypatch.setattr(supervisor, "spawn", lambda *task: tasks.append(spawn(*task)) or tasks[-1])
    yield tasks
    for task in tasks:
        task.kill()


def pytest_configure(config):
    # A busy machine is no failure.
    hypothesis.settings.register_profile("patient", deadline=None)
    hypothesis.settings.load_profile("patient")
    # Files in their own order: those with few tests, which pytest-xdist would begin last, are long.
    config.option.loadscopereorder = False
    if not (hasattr(config, "workerinput") or config.option.collectonly):
        config.templates = Templates()  # pytest-xdist's workers share them
    config.addinivalue_line("markers", "stackstorm: needs a running StackStorm (ST2_API_URL)")


def pytest_unconfigure(config):
    if hasattr(config, "templates"):
        config.templates.stop()
        with contextlib.suppress(OSError):  # files of failing tests, or another run, are in it
            Path(tempfile.gettempdir(), f"pytest-of-{getpass.getuser()}").rmdir()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections += processes.sections(item.funcargs.values())


def pytest_runtest_logfinish():
    processes.end_test()


@pytest.hookimpl(hookwrapper=True)
def pytest_collection():
    # Collected tests stay until the end, so the garbage collector need not visit them.
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items):
    # Long files start first; those that wait for no other process fill the time at the end.
    items.sort(key=lambda item: (item.path.parent.name == "chatops", item.path.stem not in LONG))
    if os.environ.get("ST2_API_URL"):
        return
    skip = pytest.mark.skip(reason="needs a running StackStorm: set ST2_API_URL")
    for item in items:
        if item.get_closest_marker("stackstorm"):
            item.add_marker(skip)
