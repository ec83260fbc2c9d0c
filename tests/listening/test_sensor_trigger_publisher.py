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
        return send(*message)

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


@pytest.fixture
def together():
    """Publish each of some numbers from a greenlet of its own; returns their errors, or None."""
    def together(publish, numbers):
        def attempt(number):
            try:
                publish(str(number))
            except Exception as error:
                return error

        return list(eventlet.GreenPool(100).imap(attempt, numbers))
    return together


def test_publishes_payload_and_trace(publish, platform):
    publish("hello")
    found, = platform.broker.history
    assert (found.trigger, found.payload, found.trace_tag) == (
        TRIGGER, '{"text": "hello"}', "trace of hello")


def test_keeps_one_connection_for_triggers_that_come_one_after_the_other(publish, platform):
    for number in range(20):
        publish(str(number))
    assert platform.connections == 1


def test_sends_together_what_comes_while_the_broker_has_not_confirmed(
        publish, platform, together):
    platform.confirming = lambda: eventlet.sleep(0.01)
    assert together(publish, range(10)) == [None] * 10
    assert platform.connections == 1
    assert platform.texts() == ['{{"text": "{}"}}'.format(number) for number in range(10)]
    assert platform.asked == 1


def test_where_one_cannot_be_sent_the_others_are(publish, platform, together, module):
    dumps = module.dumps

    def failing(message, serializer):
        if message["payload"]["text"] == "3":
            raise RecursionError("too deep")
        return dumps(message, serializer)

    with mock.patch.object(module, "dumps", failing):
        errors = together(publish, range(5))
    assert [type(error) for error in errors] == [
        type(None), type(None), type(None), RecursionError, type(None)]
    assert len(platform.texts()) == 4


def test_a_trigger_that_no_queue_takes_is_an_error_and_the_connection_stays(
        publish, platform, together):
    publish("before")
    platform.broker.set_fault("no_queue")
    errors = together(publish, range(5))
    assert [str(error) for error in errors] == ["NO_ROUTE"] * 5
    platform.broker.set_fault("none")
    publish("after")
    assert platform.texts() == ['{"text": "before"}', '{"text": "after"}']
    assert platform.connections == 1


def test_what_was_confirmed_before_the_connection_broke_is_not_sent_again(
        publish, platform, together):
    publish("before")
    confirming = iter([None] * 3 + [ConnectionResetError("broken")] + [None] * 100)

    def breaks():
        error = next(confirming)
        if error:
            raise error

    platform.confirming = breaks
    assert together(publish, range(6)) == [None] * 6
    assert platform.texts()[1:] == ['{{"text": "{}"}}'.format(number) for number in range(6)]
    assert platform.connections == 2


def test_a_trigger_that_the_broker_refuses_is_an_error(publish, platform, together, module):
    def refuse(transport, connection, **_):
        channel, number, _ = transport._sent.popleft()
        for refused in channel.events["basic_nack"]:
            refused(number + 4, True)

    with mock.patch.object(Transport, "drain_events", refuse):
        errors = together(publish, range(5))
    assert all(isinstance(error, module.MessageNacked) for error in errors), errors


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
    publish("before")
    monkeypatch.setattr(module, "CONFIRM_WITHIN", 0.05)
    platform.confirming = lambda: eventlet.sleep(60)
    with eventlet.Timeout(5), pytest.raises(TimeoutError, match="does not confirm"):
        publish("one")
    assert platform.connections == 2, "the first may have broken unseen"
    platform.confirming = lambda: None
    publish("two")
    assert platform.connections == 3


def test_a_connection_that_does_not_end_holds_nobody_up(publish, platform, module, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_WITHIN", 0.05)
    monkeypatch.setattr(Transport, "close_connection", lambda *_: eventlet.sleep(60))
    platform.confirming = mock.Mock(side_effect=RuntimeError("odd"))
    with eventlet.Timeout(5), pytest.raises(RuntimeError):
        publish("one")


def test_asks_for_confirmation_and_for_a_queue_that_takes_the_trigger(publish):
    channel = Transport.Channel
    with mock.patch.object(channel, "confirm_select", autospec=True) as confirm_select, \
            mock.patch.object(channel, "basic_publish", autospec=True,
                              side_effect=channel.basic_publish) as basic_publish:
        publish("hello")
    confirm_select.assert_called_once()
    assert basic_publish.call_args[1]["mandatory"] is True


def test_publishes_nothing_while_the_database_is_away(publish, platform):
    platform.broker.set_fault("no_database")
    with pytest.raises(ConnectionError, match="database is away"):
        publish("during")
    assert platform.texts() == []
    platform.broker.set_fault("none")
    publish("after")
    assert platform.texts() == ['{"text": "after"}']


def test_asks_the_database_again_when_its_answer_is_old(publish, platform, module, monkeypatch):
    monkeypatch.setattr(module, "FRESH", 0.0)
    publish("one")
    publish("two")
    assert platform.asked == 2
