"""The platform's transport, as far as a sensor publishes by it: kombu, to the sandbox's broker."""

import logging
from collections import defaultdict, deque
from types import SimpleNamespace
from typing import Any, Callable, Deque, Dict, Optional, Set, Tuple

import kombu
from amqp.exceptions import ChannelError
from kombu.serialization import loads
from kombu.transport import virtual

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.dispatcher import TraceContext
from sandbox.stackstorm.triggers import Triggers

TRIGGER_INSTANCE_XCHG = kombu.Exchange("st2.trigger_instances_dispatch", type="topic")
PICKLE = "application/x-python-serialize"


class TriggerDispatcher:
    """Makes the rules engine's message of a trigger, and has its `_publisher` publish it."""

    def __init__(self, logger: logging.Logger):
        self._logger = logger
        self._publisher: Any = None

    def dispatch(self, trigger: str, payload: Optional[Dict[str, Any]] = None,
                 trace_context: Optional[TraceContext] = None) -> None:
        """Publish to a trigger's ref."""
        self._publisher.publish_trigger(
            payload={"trigger": trigger, "payload": payload, "trace_context": trace_context},
            routing_key="trigger_instance")


class Transport(virtual.Transport):
    """What kombu.Connection speaks through; `triggers` and `broker` come from a subclass."""

    triggers: Triggers
    broker: Broker
    connection_errors = recoverable_connection_errors = (OSError,)

    def __init__(self, client: kombu.Connection, **options: Any):
        super().__init__(client, **options)
        self._sent: Deque[Tuple["Transport.Channel", int, Dict[str, Any]]] = deque()

    def drain_events(self, connection: Any, timeout: Optional[float] = None, **_: Any) -> None:
        """Give the broker the next of the messages that were sent, and confirm it."""
        channel, number, message = self._sent.popleft()
        found = loads(message["body"], message["content-type"], message["content-encoding"],
                      accept={PICKLE})
        # The platform would not look, which would hide a defect of the pack.
        self.triggers.type_of(found["trigger"]).check_payload(found["payload"])
        taken = self.broker.send(channel.number, found["trigger"], found["payload"],
                                 found["trace_context"].trace_tag)
        if not taken:
            for returned in channel.events["basic_return"]:
                returned(ChannelError("NO_ROUTE"), "", "",
                         SimpleNamespace(properties=message["properties"]))
        for confirmed in channel.events["basic_ack"]:
            confirmed(number, False)

    class Channel(virtual.Channel):
        """A channel that confirms, good for as long as the broker is not started anew."""

        def __init__(self, connection: "Transport", **kwargs: Any):
            self.number = connection.broker.connect()
            self.events: Dict[str, Set[Callable]] = defaultdict(set)
            self._published = 0
            super().__init__(connection, **kwargs)

        def confirm_select(self) -> None:
            """Every message is confirmed here, asked for or not."""

        def basic_publish(self, message: Dict[str, Any], exchange: str, routing_key: str,
                          **_: Any) -> None:
            """Send a message."""
            self._published += 1
            self.connection._sent.append((self, self._published, message))


def connect(triggers: Triggers, broker: Broker, urls: Any = None,
            connection_kwargs: Optional[Dict[str, Any]] = None) -> kombu.Connection:
    """The platform's get_connection; it connects when first used."""
    transport = type("BoundTransport", (Transport,), {"triggers": triggers, "broker": broker})
    return kombu.Connection(transport=transport, **connection_kwargs or {})
