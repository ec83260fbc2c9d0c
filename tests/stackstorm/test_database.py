"""What the sensor stores in StackStorm's datastore."""
import itertools
from datetime import datetime
from types import SimpleNamespace

import pytest
from support import REPOSITORY
from support.addon import REFERENCE

from sandbox.stackstorm import pack
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.datastore import Datastore
from sandbox.stackstorm.triggers import Triggers


class Platform:
    """A StackStorm in this process, with the pack; module: the sensor's way to its database."""

    def __init__(self, load):
        self._pack = pack.load(REPOSITORY, None, Datastore())
        self.refer(REFERENCE)
        broker = Broker()
        self.module = load("database", Triggers(broker.publish), broker, self._pack)

    def refer(self, reference):
        """Register a config with this reference to the add-on's credentials."""
        self._pack.register({"api_url": "http://hipchat/v2", "addon": {
            "enabled": True, "credentials": reference}})


@pytest.fixture
def platform(load):
    return Platform(load)


class TestAddon:
    def test_is_loaded_as_it_was_saved(self, platform):
        assert platform.module.load_addon() is None
        for text in ("first", "second"):
            platform.module.save_addon(text)
            assert platform.module.load_addon() == text

    @pytest.mark.parametrize("before", [None, "first"])
    def test_that_cannot_be_read_back_leaves_what_was_stored_before(self, platform, before):
        if before:
            platform.module.save_addon(before)
        platform.refer(None)
        with pytest.raises(platform.module.NotStored):
            platform.module.save_addon("second")
        platform.refer(REFERENCE)
        assert platform.module.load_addon() == before


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
def test_all_instances_are_read_once(platform, monkeypatch, count):
    module = platform.module
    documents = [SimpleNamespace(occurrence_time=datetime(2026, 11, 30), payload={"number": number})
                 for number in range(count)]
    monkeypatch.setattr(module, "TriggerInstance", SimpleNamespace(
        query=lambda **wanted: _Query(documents)))
    found = itertools.islice(module.dispatched_since("hipchat.message", 0.0), count + 1)
    assert [stored.payload["number"] for stored in found] == list(range(count))
