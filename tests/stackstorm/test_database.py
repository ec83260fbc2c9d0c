"""What the sensor stores in StackStorm's datastore."""
import importlib
import itertools
import sys
from datetime import datetime
from types import SimpleNamespace

import pytest
from support import REPOSITORY
from support.addon import REFERENCE
from support.imports import restored_modules

from sandbox.stackstorm import pack, platform_modules
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.database import Database
from sandbox.stackstorm.datastore import Datastore
from sandbox.stackstorm.triggers import Triggers

REFERS, REFERS_NOT = {"credentials": REFERENCE}, {"credentials": None}


class Platform:
    """A StackStorm in this process; module: the sensor's way to its database."""

    def __init__(self, addon):
        self.datastore = Datastore()
        self._pack = pack.load(REPOSITORY, None, self.datastore)
        self.configure(addon)
        broker = Broker()
        triggers = Triggers(broker.publish)
        platform_modules.install_services(
            triggers, broker, Database(triggers, broker, pack=self._pack))
        sys.modules.pop("stackstorm.database", None)
        self.module = importlib.import_module("stackstorm.database")

    def configure(self, addon):
        self._pack.register({"api_url": "http://hipchat/v2", "addon": dict(
            {"enabled": True}, **addon)})


@pytest.fixture
def start(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "sensors"))
    with restored_modules():
        yield Platform


class TestAddon:
    def test_is_loaded_as_it_was_saved(self, start):
        platform = start(REFERS)
        assert platform.module.load_addon() is None
        for text in ("first", "second"):
            platform.module.save_addon(text)
            assert platform.module.load_addon() == text

    def test_that_cannot_be_read_back_leaves_nothing_where_there_was_nothing(self, start):
        platform = start(REFERS_NOT)
        with pytest.raises(platform.module.NotStored):
            platform.module.save_addon("first")
        platform.configure(REFERS)
        assert platform.module.load_addon() is None

    def test_that_cannot_be_read_back_leaves_what_was_stored_well(self, start):
        platform = start(REFERS)
        platform.module.save_addon("first")
        platform.configure(REFERS_NOT)
        with pytest.raises(platform.module.NotStored):
            platform.module.save_addon("second")
        platform.configure(REFERS)
        assert platform.module.load_addon() == "first"


class _Query:
    """A query as mongoengine has it: it begins again after its end, and for each iter()."""

    def __init__(self, documents):
        self._documents, self._rest = documents, iter(documents)

    def no_cache(self):
        return self

    def __iter__(self):
        self._rest = iter(self._documents)
        return self

    def __next__(self):
        for document in self._rest:
            return document
        self._rest = iter(self._documents)
        raise StopIteration


@pytest.mark.parametrize("count", [0, 1, 500, 1000, 1234])
def test_all_instances_are_read_once(start, monkeypatch, count):
    module = start(REFERS).module
    documents = [SimpleNamespace(occurrence_time=datetime(2026, 11, 30), payload={"number": number})
                 for number in range(count)]
    monkeypatch.setattr(module, "TriggerInstance", SimpleNamespace(
        query=lambda **wanted: _Query(documents)))
    found = itertools.islice(module.dispatched_since("hipchat.message", 0.0), count + 1)
    assert [stored.payload["number"] for stored in found] == list(range(count))
