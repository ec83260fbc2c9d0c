"""The sensor as StackStorm creates it; each of its tasks is made to fail unexpectedly."""
import itertools
import json
import sys
from unittest import mock

import eventlet
import pytest
from eventlet.green import socket
from support import REPOSITORY
from support.imports import restored_modules
from support.load import delivery
from support.waiting import wait_until

from listening.operations.config_watch import ConfigWatch
from listening.http.server import Server
from listening.dispatch.room_queues import RoomQueues
from listening.spool import Spool
from listening.webhooks.reconciler import WebhookReconciler
from sandbox.both_servers import free_port
from sandbox.stackstorm import pack, platform_modules
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.database import Database
from sandbox.stackstorm.sensor_host import SensorHost
from sandbox.stackstorm.triggers import Triggers, TriggerType

# They import StackStorm's modules, which the test replaces. (A package is removed as a whole: its
# modules are also its attributes.)
PACKAGES = ("webhook_sensor", "wiring", "stackstorm")
TASKS = [  # the name in /health, where the task is (or its name in wiring), its function
    ("starting", ConfigWatch, "first"),
    ("starting", ConfigWatch, "change"),
    ("listening", Server, "serve"),
    ("opening", Spool, "open"),
    ("spool", Spool, "_write_forever"),
    ("dispatching", RoomQueues, "_work"),
    ("dispatching", RoomQueues, "_yield_to_arriving"),
    ("watching", RoomQueues, "_watch"),
    ("publishing", "TriggerPublisher", "watch"),
    ("refreshing", "Triggers", "run"),
    ("beginning", "Triggers", "refresh"),
    ("webhooks", WebhookReconciler, "run"),
    ("webhooks", WebhookReconciler, "_note_required")]


class Sensor:
    """The pack's sensor in this process, which listens in one room."""

    def __init__(self, config):
        hipchat_pack = pack.load(REPOSITORY, None)
        hipchat_pack.register(config)
        self.broker = Broker()
        triggers = Triggers(self.broker.publish)
        definition = hipchat_pack.sensors[0]
        for each in definition["trigger_types"]:
            triggers.add_type(TriggerType("hipchat", each))
        platform_modules.install_base_classes()
        platform_modules.install_services(triggers, self.broker, Database(
            triggers, self.broker, pack=hipchat_pack))
        self.sensor = SensorHost(hipchat_pack, definition, triggers, self.broker)._sensor
        self.running = None

    def run(self):
        self.running = eventlet.spawn(self.sensor.run)

    def health(self):
        return self.sensor._health.report()


@pytest.fixture
def toy(hipchat, room, tmp_path, monkeypatch, tasks):
    """The sensor, before run(); it ends with the test."""
    monkeypatch.setattr("listening.timing.TASK_STEADY_DELAY", 0.5)
    monkeypatch.setattr("listening.timing.DISPATCH_RETRY_MAX", 0.1)
    port = free_port()
    with restored_modules():
        for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
            del sys.modules[name]
        toy = Sensor({
            "api_key": hipchat.token, "api_url": hipchat.url, "rooms": [room],
            "events": ["message"],
            # A thread of the test before may open its spool late, and pytest reuses tmp_path.
            "spool": {"directory": str(tmp_path / f"spool-{port}")},
            "webhook": {"public_url": f"http://127.0.0.1:{port}", "host": "127.0.0.1",
                        "port": port}})
        yield toy
        if toy.running:
            toy.running.kill()


def failing_once(original, error, tasks):
    """Fails in the first of these tasks that calls it, and never in what another test has left."""
    failed = []

    def function(*args, **kwargs):
        if not failed and eventlet.getcurrent() in tasks:
            failed.append(error)
            raise error
        return original(*args, **kwargs)

    return function


def post(url, body):
    """Post as HipChat does, from a greenlet; return the status, or None if it is refused."""
    address, _, path = url.partition("//")[2].partition("/")
    host, port = address.split(":")
    try:
        connection = socket.create_connection((host, int(port)), 10)
    except ConnectionRefusedError:
        return None
    connection.sendall("POST /{} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n".format(
        path, address, len(body)).encode() + body)
    status = int(connection.recv(1000).split()[1])
    connection.close()
    return status


@pytest.mark.parametrize("error", [
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), eventlet.Timeout(None)],
    ids=["an exception", "no exception"])
@pytest.mark.parametrize("name, owner, function", TASKS,
                         ids=[task[2].strip("_") for task in TASKS])
def test_a_task_that_fails_is_a_problem_and_restarts(
        toy, tasks, hipchat, room, monkeypatch, name, owner, function, error):
    owner = getattr(sys.modules["wiring"], owner) if isinstance(owner, str) else owner
    monkeypatch.setattr(owner, function, failing_once(getattr(owner, function), error, tasks))
    reason = f"{name}: failed unexpectedly and is restarted"
    reported = eventlet.event.Event()
    monkeypatch.setattr("listening.operations.supervisor.sleep", lambda seconds: reported.wait())
    bodies = itertools.count()
    toy.run()

    def is_reported():
        eventlet.sleep(0.05)
        urls = [hook["url"] for hook in hipchat.webhooks(room)]
        if urls:  # some tasks do nothing before there is a delivery
            eventlet.spawn(post, urls[0], delivery(f"before-{next(bodies)}", room))
        return reason in toy.health()["reasons"]

    wait_until(is_reported, what="the reason in /health")
    reported.send()
    wait_until(lambda: toy.health()["status"] == "ok")
    url = wait_until(lambda: hipchat.webhooks(room))[0]["url"]
    assert post(url, delivery("after", room)) == 204
    wait_until(lambda: "after" in [json.loads(each.payload)["item"]["message"]["id"]
                                   for each in toy.broker.history])


def test_a_sensor_whose_leadership_fails_ends_and_starts_no_task_twice(toy, monkeypatch):
    failing = mock.Mock(side_effect=OSError("disk I/O error"))
    monkeypatch.setattr("listening.operations.leadership.SoleSensor._report_another", failing)
    activations = mock.Mock()
    monkeypatch.setattr(sys.modules["wiring"].Parts, "_activate", lambda parts: (
        activations(), setattr(parts.intake, "is_open", True)))
    toy.run()
    with pytest.raises(SystemExit):
        toy.running.wait()
    assert activations.call_count == 1


def test_health_is_degraded_whenever_deliveries_are_not_accepted(toy, monkeypatch):
    opened = eventlet.event.Event()
    monkeypatch.setattr(Spool, "open", lambda *_: opened.wait())
    toy.run()
    wait_until(lambda: toy.sensor._parts)
    assert toy.health()["reasons"] == ["listener: deliveries are not accepted"]
