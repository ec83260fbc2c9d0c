"""StackStorm's transport for publishers: kombu, connected to the sandbox's broker."""

import logging
import time
from collections import defaultdict
from functools import partial
from types import SimpleNamespace
from typing import Any, Callable, Dict, Optional, Set

import eventlet
import kombu
from amqp.exceptions import ChannelError
from kombu.serialization import loads
from kombu.transport import virtual

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.errors import Unsupported
from sandbox.stackstorm.triggers import Triggers

TRIGGER_INSTANCE_XCHG = kombu.Exchange("st2.trigger_instances_dispatch", type="topic")
PICKLE = "application/x-python-serialize"


class TraceContext:
    """The trace with which `st2 trace list` finds a trigger instance."""

    def __init__(self, id_: Optional[str] = None, trace_tag: Optional[str] = None):
        self.id_, self.trace_tag = id_, trace_tag


class TriggerInstancePublisher:
    """StackStorm's own publisher, which the sandbox does not support."""

    def publish_trigger(self, payload: Dict[str, Any], routing_key: str) -> None:
        """Raise Unsupported."""
        raise Unsupported("the sandbox publishes by a sensor's own publisher only")


class TriggerDispatcher:
    """Builds the message for the rules engine, which `_publisher` publishes."""

    def __init__(self, logger: logging.Logger):
        self._logger = logger
        self._publisher: Any = TriggerInstancePublisher()

    def dispatch(self, trigger: str, payload: Optional[Dict[str, Any]] = None,
                 trace_context: Optional[TraceContext] = None) -> None:
        """Publish to a trigger's ref."""
        self._publisher.publish_trigger(
            payload={"trigger": trigger, "payload": payload, "trace_context": trace_context},
            routing_key="trigger_instance")


class Transport(virtual.Transport):
    """The transport of a kombu.Connection; subclasses set `triggers` and `broker`.

    A greenlet receives the messages, as the broker would. Its confirmations arrive through
    drain_events(), as with RabbitMQ.
    """

    triggers: Triggers
    broker: Broker
    connection_errors = recoverable_connection_errors = (OSError,)

    def __init__(self, client: kombu.Connection, **options: Any):
        super().__init__(client, **options)
        self._sent, self._events_to_client = eventlet.Queue(), eventlet.Queue()
        self._heartbeats = 0
        eventlet.spawn_n(self._serve)

    @property
    def bytes_recv(self) -> int:
        """A number that changes while heartbeats arrive."""
        if all(self.broker.reaches(channel.number) for channel in self.channels):
            self._heartbeats = time.monotonic_ns()
        return self._heartbeats

    def send_heartbeat(self) -> None:
        """Do nothing: the sandbox's broker expects no heartbeat."""

    def drain_events(self, connection: Any, timeout: Optional[float] = None, **_: Any) -> None:
        """Wait for the broker's next event, and handle it."""
        self._events_to_client.get()()

    def _serve(self) -> None:
        while True:
            channel, number, message = self._sent.get()
            try:
                if not self.broker.reaches(channel.number):
                    continue
                self._hold_while_blocked()
                taken = self._take(channel, message)
            except Exception as error:
                self._events_to_client.put(_raiser(error))
                return  # the connection has ended
            else:
                self._events_to_client.put(partial(channel.answer, number, message, taken))

    def _hold_while_blocked(self) -> None:
        if self.broker.fault == "blocked":
            options = self.client.transport_options
            self._events_to_client.put(lambda: options["on_blocked"]("low on memory"))
            while self.broker.fault == "blocked":
                eventlet.sleep(0.01)
            self._events_to_client.put(options["on_unblocked"])

    def _take(self, channel: "Transport.Channel", message: Dict[str, Any]) -> bool:
        """Return whether a queue takes the message."""
        found = loads(message["body"], message["content-type"], message["content-encoding"],
                      accept={PICKLE})
        # StackStorm does not check the payload here. The check shows defects of the pack.
        self.triggers.type_of(found["trigger"]).check_payload(found["payload"])
        return self.broker.send(channel.number, found["trigger"], found["payload"],
                                found["trace_context"].trace_tag)

    class Channel(virtual.Channel):
        """A channel with confirmations, open until the broker restarts."""

        def __init__(self, connection: "Transport", **kwargs: Any):
            self.number = connection.broker.connect()
            self.events: Dict[str, Set[Callable]] = defaultdict(set)
            self._published = 0
            super().__init__(connection, **kwargs)

        def confirm_select(self) -> None:
            """Do nothing: every message is confirmed."""

        def basic_publish(self, message: Dict[str, Any], exchange: str, routing_key: str,
                          **_: Any) -> None:
            """Send a message."""
            self._published += 1
            self.connection._sent.put((self, self._published, message))

        def answer(self, number: int, message: Dict[str, Any], taken: bool) -> None:
            """Confirm a message; first return it if no queue has received it."""
            if not taken:
                for returned in self.events["basic_return"]:
                    returned(ChannelError("NO_ROUTE"), "", "",
                             SimpleNamespace(properties=message["properties"]))
            for confirmed in self.events["basic_ack"]:
                confirmed(number, False)


def _raiser(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error
    return fail


def connect(triggers: Triggers, broker: Broker, urls: Any = None,
            connection_kwargs: Optional[Dict[str, Any]] = None) -> kombu.Connection:
    """Return a connection, which connects when it is first used (get_connection)."""
    transport = type("BoundTransport", (Transport,), {"triggers": triggers, "broker": broker})
    return kombu.Connection(transport=transport, **connection_kwargs or {})
