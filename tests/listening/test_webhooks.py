"""What the webhooks of rooms are looked at for, by a clock of ours."""
import logging
from types import SimpleNamespace
from unittest import mock

import eventlet
import pytest
from clock import Clock
from conftest import wait_until

from hipchat.ownership import Ownership
from hipchat.room_directory import RoomDirectory
from hipchat.sensor_settings import SensorSettings
from listening import room_names, webhooks
from listening.health import Health
from listening.listeners import Listeners
from listening.webhooks import Webhooks

FACTOR = 1001
LOG = logging.getLogger("sensor")
SETTINGS = SensorSettings.from_config({
    "api_key": "t" * 40, "api_url": "http://hipchat/v2",
    "webhook": {"public_url": "http://st2", "secret": "s" * 16}})


class Unlisting:
    """A HipChat that makes webhooks and lists none; made, deleted: their numbers."""

    def __init__(self):
        self.made, self.deleted = [], []

    def items(self, *path, **params):
        return [{"id": FACTOR, "name": "Factor"}] if path == ("room",) else []

    def call(self, method, *path, json=None):
        if method == "DELETE":
            self.deleted.append(path[-1])
            return None
        self.made.append(str(len(self.made)))
        return {"id": self.made[-1]}


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (webhooks, room_names):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_room_that_is_forgotten_takes_its_trouble_along(clock):
    trigger = {"ref": "hipchat.x", "id": "x", "type": "hipchat.message",
               "parameters": {"room": FACTOR}}
    health, rooms, client = Health(LOG), RoomDirectory(), Unlisting()
    listeners = Listeners([], [], rooms, LOG, lambda: kept.changed())
    kept = Webhooks(
        client, client, SimpleNamespace(is_missing=False, hears_alone=False),
        Ownership(SETTINGS, lambda: "mark"), None, True, listeners, rooms, mock.Mock(), health, LOG)
    listeners.add(trigger)
    running = eventlet.spawn(kept.run)

    def eventually(condition):
        clock.now += webhooks.CHECK_EVERY
        kept.changed()
        wait_until(condition, sleep=eventlet.sleep)

    eventually(lambda: client.made)
    eventually(lambda: health.report()["reasons"] == [
        "webhooks: HipChat does not list what it made"])
    listeners.remove(trigger)
    eventually(lambda: client.deleted == client.made)
    eventually(lambda: health.report()["status"] == "ok")
    running.kill()
