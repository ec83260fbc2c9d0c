"""The sensor's publisher: over kombu, to a broker and a database that can fail."""
import json
from unittest import mock

import eventlet
import pytest
from amqp.exceptions import MessageNacked
from support.context import LOG
from support.waiting import wait_until

from listening.operations.health import Health
from listening.errors import ServiceUnavailable
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.database import Database
from sandbox.stackstorm.transport import Transport
from sandbox.stackstorm.triggers import Triggers, TriggerType

TRIGGER = "toy.said"


class CountingBroker(Broker):
    """The sandbox's broker, which counts connections and the checks of the database.

    Attributes:
        confirming: called for each message, before the broker confirms it.
    """

    def __init__(self):
        super().__init__()
        self.connections = self.asked = 0
        self.confirming = lambda: None

    def connect(self):
        self.connections += 1
        return super().connect()

    def send(self, *message):
        self.confirming()
        return super().send(*message)

    def texts(self):
        return [json.loads(instance.payload)["text"] for instance in self.history]


@pytest.fixture
def broker(monkeypatch):
    broker, write = CountingBroker(), Database._write

    def writing(database, **changes):
        broker.asked += 1
        eventlet.sleep(0.01)
        return write(database, **changes)

    monkeypatch.setattr(Database, "_write", writing)
    return broker


@pytest.fixture
def module(broker, load):
    triggers = Triggers(broker.publish)
    triggers.add_type(TriggerType("toy", {
        "name": "said", "payload_schema": {"type": "object", "properties": {
            "text": {"type": "string", "required": True}}}}))
    return load("publisher", triggers, broker)


@pytest.fixture
def health():
    return Health(LOG)


@pytest.fixture
def publisher(module, health):
    publisher = module.TriggerPublisher(health, LOG)
    watching = eventlet.spawn(publisher.watch)
    yield publisher
    watching.kill()


@pytest.fixture
def publish(publisher):
    """Publish a text; raises the cause of an outage."""
    def publish(text):
        try:
            publisher.publish(TRIGGER, {"text": text}, "trace of " + text)
        except ServiceUnavailable as outage:
            raise outage.__cause__
    return publish


def together(publish, numbers):
    """Publish each of some numbers from a greenlet of its own; return their errors, or None."""
    def attempt(number):
        try:
            publish(str(number))
        except Exception as error:
            return error

    return list(eventlet.GreenPool(100).imap(attempt, numbers))


def test_publishes_payload_and_trace(publish, broker):
    publish("hello")
    found, = broker.history
    assert (found.trigger, found.payload, found.trace_tag) == (
        TRIGGER, '{"text": "hello"}', "trace of hello")


def test_sends_together_what_comes_while_the_broker_has_not_confirmed(publish, broker):
    broker.confirming = lambda: eventlet.sleep(0.01)
    assert together(publish, range(10)) == [None] * 10
    assert broker.connections == 1
    assert broker.texts() == [str(number) for number in range(10)]
    assert broker.asked == 1


def test_where_one_cannot_be_sent_the_others_are(publish, broker, module):
    dumps = module.dumps

    def failing(message, serializer):
        if message["payload"]["text"] == "3":
            raise RecursionError("too deep")
        return dumps(message, serializer)

    with mock.patch.object(module, "dumps", failing):
        errors = together(publish, range(5))
    assert [type(error) for error in errors] == [
        type(None), type(None), type(None), RecursionError, type(None)]
    assert len(broker.texts()) == 4


def test_a_trigger_that_no_queue_takes_is_an_error_and_the_connection_stays(publish, broker):
    publish("before")
    broker.set_fault("no_queue")
    errors = together(publish, range(5))
    assert [str(error) for error in errors] == ["NO_ROUTE"] * 5
    broker.set_fault("none")
    publish("after")
    assert broker.texts() == ["before", "after"]
    assert broker.connections == 1


def test_messages_confirmed_before_the_connection_broke_are_not_sent_again(publish, broker):
    publish("before")
    broker.confirming = mock.Mock(
        side_effect=[None] * 3 + [ConnectionResetError("broken")] + [None] * 100)
    assert together(publish, range(6)) == [None] * 6
    assert broker.texts()[1:] == [str(number) for number in range(6)]
    assert broker.connections == 2


def test_a_trigger_that_the_broker_refuses_is_an_error(publish):
    def refuse(channel, number, message, taken):
        for refused in channel.events["basic_nack"]:
            refused(number + 4, True)

    with mock.patch.object(Transport.Channel, "answer", refuse):
        errors = together(publish, range(5))
    assert all(isinstance(error, MessageNacked) for error in errors), errors


@pytest.mark.parametrize("error", [RuntimeError("NO_ROUTE"), ValueError("odd")])
def test_a_connection_is_not_used_again_after_an_error(publish, broker, error):
    broker.confirming = mock.Mock(side_effect=error)
    with pytest.raises(type(error)):
        publish("one")
    broker.confirming = lambda: None
    publish("two")
    assert broker.connections == 2
    assert broker.texts() == ["two"]


def test_waits_as_long_as_the_broker_takes_and_sends_nothing_twice(publish, broker, monkeypatch):
    monkeypatch.setattr("listening.timing.BROKER_HEARTBEAT", 0.05)
    publish("before")
    slowly = eventlet.Event()
    broker.confirming = slowly.wait
    waiting = eventlet.spawn(publish, "one")
    eventlet.sleep(0.5)
    assert not waiting.dead
    slowly.send()
    waiting.wait()
    assert broker.texts() == ["before", "one"]
    assert broker.connections == 1


class TestAlarm:
    """RabbitMQ's memory or disk alarm."""

    def test_is_waited_for_on_the_same_connection_and_each_is_sent_once(
            self, publish, broker, health):
        publish("before")
        broker.set_fault("blocked")
        waiting = eventlet.spawn(together, publish, range(20))
        wait_until(lambda: health.report()["reasons"] == ["broker: blocked"])
        eventlet.sleep(0.3)
        assert len(broker.texts()) == 1
        broker.set_fault("none")
        assert waiting.wait() == [None] * 20
        assert broker.texts()[1:] == [str(each) for each in range(20)]
        assert broker.connections == 1
        assert health.report()["reasons"] == []

    def test_lets_nothing_be_written_that_a_lost_connection_would_have_sent_twice(
            self, publish, broker):
        publish("before")
        broker.set_fault("blocked")
        first = eventlet.spawn(publish, "first")
        channel = Transport.Channel
        eventlet.sleep(0.1)
        with mock.patch.object(channel, "basic_publish", autospec=True,
                               side_effect=channel.basic_publish) as basic_publish:
            rest = eventlet.spawn(together, publish, range(5))
            eventlet.sleep(0.1)
            assert not basic_publish.called
            broker.set_fault("none")
            first.wait()
            rest.wait()
        assert len(broker.texts()) == 7


class TestForgottenConnection:
    """Established for the sensor, and unknown to a firewall on the way."""

    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch):
        monkeypatch.setattr("listening.timing.BROKER_HEARTBEAT", 0.1)
        monkeypatch.setattr("listening.timing.BROKER_BEAT_PERIOD", 0.02)

    @pytest.mark.parametrize("publishes_meanwhile", [False, True])
    def test_is_replaced_and_holds_what_is_published_up_for_two_heartbeats_only(
            self, publish, broker, publishes_meanwhile):
        publish("before")
        broker.set_fault("forget")
        if not publishes_meanwhile:
            wait_until(lambda: broker.connections == 2)
        with eventlet.Timeout(20):
            publish("after")
        assert broker.texts() == ["before", "after"]

    def test_is_kept_while_the_broker_does_not_answer_on_another(self, publish, broker):
        publish("before")
        error = ConnectionRefusedError("stopped for a time")
        with mock.patch.object(broker, "connect", side_effect=error) as connect, \
                mock.patch.object(broker, "reaches", return_value=False):
            wait_until(lambda: connect.called)
        publish("after")
        assert broker.connections == 1

    def test_that_is_still_there_gets_heartbeats(self, publish):
        with mock.patch.object(Transport, "send_heartbeat") as beat:
            publish("before")
            wait_until(lambda: beat.call_count > 2)


def test_a_platform_that_dispatches_in_another_way_is_an_error_and_nothing_is_sent_twice(
        publisher):
    publisher._dispatcher = mock.Mock()
    for _ in range(3):
        with pytest.raises(NotImplementedError, match="its TriggerDispatcher differs"):
            publisher.publish(TRIGGER, {"text": "hello"}, "trace")
    publisher._dispatcher.dispatch.assert_called_once()


def test_a_dispatcher_whose_publisher_cannot_be_replaced_is_not_even_asked(module, health):
    with mock.patch.object(module.TriggerDispatcher, "__init__", lambda self, logger: None), \
            mock.patch.object(module.TriggerDispatcher, "dispatch") as dispatch:
        publisher = module.TriggerPublisher(health, LOG)
        with pytest.raises(NotImplementedError, match="its TriggerDispatcher differs"):
            publisher.publish(TRIGGER, {"text": "hello"}, "trace")
    assert not dispatch.called


def test_a_connection_that_does_not_close_delays_no_publish(publish, broker, monkeypatch):
    monkeypatch.setattr("listening.timing.BROKER_CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr(Transport, "close_connection", lambda *_: eventlet.sleep(60))
    broker.confirming = mock.Mock(side_effect=RuntimeError("odd"))
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


def test_asks_the_database_again_when_its_answer_is_old(publish, broker, monkeypatch):
    monkeypatch.setattr("listening.timing.DATABASE_CHECK_KEPT", 0.0)
    publish("one")
    publish("two")
    assert broker.asked == 2


@pytest.mark.parametrize("fault, part, error", [
    ("fail", "broker", "broker is down"), ("no_queue", "broker", "NO_ROUTE"),
    ("no_database", "database", "database is down"),
    ("read_only_database", "database", "database is read-only")])
def test_says_which_of_the_two_takes_nothing_and_goes_on_when_it_does_again(
        publisher, publish, broker, monkeypatch, fault, part, error):
    monkeypatch.setattr("listening.timing.DATABASE_CHECK_KEPT", 0.0)
    publish("before")
    broker.set_fault(fault)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match=error) as raised:
            publisher.publish(TRIGGER, {"text": "during"}, "trace")
        assert raised.value.part == part
    broker.set_fault("none")
    publish("after")
    assert broker.texts() == ["before", "after"]


def test_raises_where_the_database_does_not_answer(publish, monkeypatch):
    monkeypatch.setattr("listening.timing.DATABASE_TIMEOUT", 0.05)
    monkeypatch.setattr(Database, "_write", lambda *_, **__: eventlet.sleep(60))
    with eventlet.Timeout(5), pytest.raises(TimeoutError, match="no answer"):
        publish("one")


def test_asks_the_database_and_connects_once_for_all_that_wait(publish, broker, monkeypatch):
    connect = broker.connect
    monkeypatch.setattr(broker, "connect", lambda: eventlet.sleep(0.1) or connect())
    broker.set_fault("fail")
    errors = together(publish, range(20))
    assert all(errors)
    assert broker.asked == 1
    assert broker.connections <= 2, "kombu tries once more"
