"""The platform's transport, as far as a sensor publishes by it: kombu, to the sandbox's broker."""

import logging
from typing import Any, Dict, Optional

import kombu
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

    class Channel(virtual.Channel):
        """A channel, good for as long as the broker is not started anew."""

        def __init__(self, connection: "Transport", **kwargs: Any):
            self._number = connection.broker.connect()
            super().__init__(connection, **kwargs)

        def basic_publish(self, message: Dict[str, Any], exchange: str, routing_key: str,
                          **_: Any) -> None:
            """Take a message and confirm it; Invalid if the payload breaks the type's schema."""
            found = loads(message["body"], message["content-type"], message["content-encoding"],
                          accept={PICKLE})
            # The platform would not look, which would hide a defect of the pack.
            self.connection.triggers.type_of(found["trigger"]).check_payload(found["payload"])
            self.connection.broker.send(self._number, found["trigger"], found["payload"],
                                        found["trace_context"].trace_tag)


def connect(triggers: Triggers, broker: Broker, urls: Any = None,
            connection_kwargs: Optional[Dict[str, Any]] = None) -> kombu.Connection:
    """The platform's get_connection; it connects when first used."""
    transport = type("BoundTransport", (Transport,), {"triggers": triggers, "broker": broker})
    return kombu.Connection(transport=transport, **connection_kwargs or {})
