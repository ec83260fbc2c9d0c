"""The sensor's publisher: over kombu, to a broker and a database that can fail."""
import importlib
import logging
import sys
from unittest import mock

import eventlet
import pytest
from conftest import REPOSITORY

from sandbox.stackstorm import platform_modules
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.transport import Transport
from sandbox.stackstorm.triggers import Triggers, TriggerType

TRIGGER = "toy.said"


class Platform:
    """A broker and triggers, and what the publisher does with them."""

    def __init__(self):
        self.broker = Broker()
        self.triggers = Triggers(self.broker.publish)
        self.triggers.add_type(TriggerType("toy", {
            "name": "said", "payload_schema": {"type": "object", "properties": {
                "text": {"type": "string", "required": True}}}}))
        self.connections = self.asked = 0
        self.confirming = lambda: None  # called by the broker for each message

    def texts(self):
        return [instance.payload for instance in self.broker.history]


@pytest.fixture
def platform(monkeypatch):
    platform = Platform()
    connect, send, query = platform.broker.connect, platform.broker.send, platform.triggers.query

    def connecting():
        platform.connections += 1
        return connect()

    def sending(*message):
        platform.confirming()
        send(*message)

    def querying(**wanted):
        platform.asked += 1
        eventlet.sleep(0.01)
        return query(**wanted)

    monkeypatch.setattr(platform.broker, "connect", connecting)
    monkeypatch.setattr(platform.broker, "send", sending)
    monkeypatch.setattr(platform.triggers, "query", querying)
    return platform


@pytest.fixture
def module(platform, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "sensors"))
    with mock.patch.dict(sys.modules):
        sys.modules.pop("trigger_publisher", None)
        platform_modules.install_services(platform.triggers, platform.broker)
        yield importlib.import_module("trigger_publisher")


@pytest.fixture
def publish(module):
    publisher = module.TriggerPublisher(logging.getLogger("test"))
    return lambda text: publisher.publish(TRIGGER, {"text": text}, "trace of " + text)


def test_publishes_payload_and_trace(publish, platform):
    publish("hello")
    found, = platform.broker.history
    assert (found.trigger, found.payload, found.trace_tag) == (
        TRIGGER, '{"text": "hello"}', "trace of hello")


def test_keeps_one_connection_for_triggers_that_come_one_after_the_other(publish, platform):
    for number in range(20):
        publish(str(number))
    assert platform.connections == 1


def test_has_a_connection_for_each_trigger_that_comes_at_the_same_time(publish, platform):
    platform.confirming = lambda: eventlet.sleep(0.01)
    pool = eventlet.GreenPool(5)
    for _ in range(4):
        for number in range(5):
            pool.spawn(publish, str(number))
        pool.waitall()
    assert platform.connections == 5
    assert len(platform.texts()) == 20


def test_raises_while_the_broker_is_away_and_works_when_it_is_back(publish, platform):
    publish("before")
    platform.broker.set_fault("fail")
    for _ in range(3):
        with pytest.raises(Exception, match="broker is away"):
            publish("during")
    platform.broker.set_fault("none")
    publish("after")
    assert platform.texts() == ['{"text": "before"}', '{"text": "after"}']


def test_a_connection_that_broke_unseen_is_made_anew_at_once(publish, platform):
    publish("before")
    platform.broker.set_fault("restart")
    publish("after")
    assert platform.connections == 2
    assert platform.texts() == ['{"text": "before"}', '{"text": "after"}']


@pytest.mark.parametrize("error", [RuntimeError("NO_ROUTE"), ValueError("odd")])
def test_a_connection_is_not_used_again_after_an_error(publish, platform, error):
    platform.confirming = mock.Mock(side_effect=error)
    with pytest.raises(type(error)):
        publish("one")
    platform.confirming = lambda: None
    publish("two")
    assert platform.connections == 2
    assert platform.texts() == ['{"text": "two"}']


def test_raises_where_the_broker_does_not_confirm(publish, platform, module, monkeypatch):
    monkeypatch.setattr(module, "CONFIRM_WITHIN", 0.05)
    platform.confirming = lambda: eventlet.sleep(60)
    with pytest.raises(TimeoutError, match="does not confirm"):
        publish("one")
    platform.confirming = lambda: None
    publish("two")
    assert platform.connections == 2


def test_a_connection_that_does_not_end_holds_nobody_up(publish, platform, module, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_WITHIN", 0.05)
    monkeypatch.setattr(Transport, "close_connection", lambda *_: eventlet.sleep(60))
    platform.confirming = mock.Mock(side_effect=RuntimeError("odd"))
    with eventlet.Timeout(5), pytest.raises(RuntimeError):
        publish("one")


def test_asks_for_confirmation_and_for_a_queue_that_takes_the_trigger(publish):
    with mock.patch.object(Transport.Channel, "basic_publish", autospec=True) as basic_publish:
        publish("hello")
    (channel, *_), options = basic_publish.call_args
    assert channel.connection.client.transport_options["confirm_publish"] is True
    assert options["mandatory"] is True


def test_publishes_nothing_while_the_database_is_away(publish, platform):
    platform.broker.set_fault("no_database")
    with pytest.raises(ConnectionError, match="database is away"):
        publish("during")
    assert platform.texts() == []
    platform.broker.set_fault("none")
    publish("after")
    assert platform.texts() == ['{"text": "after"}']


def test_asks_the_database_once_for_triggers_that_come_together(publish, platform):
    pool = eventlet.GreenPool(10)
    for number in range(10):
        pool.spawn(publish, str(number))
    pool.waitall()
    assert len(platform.texts()) == 10
    assert platform.asked == 1


def test_asks_the_database_again_when_its_answer_is_old(publish, platform, module, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 0.0)
    publish("one")
    publish("two")
    assert platform.asked == 2
