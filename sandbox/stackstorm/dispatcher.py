"""The platform's TriggerDispatcherService: checks a payload and sends it to the rules."""

import logging
from types import SimpleNamespace
from typing import Any, Optional

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.triggers import Triggers


class TraceContext:
    """What `st2 trace list` finds a trigger instance by."""

    def __init__(self, id_: Optional[str] = None, trace_tag: Optional[str] = None):
        self.id_, self.trace_tag = id_, trace_tag


class TriggerDispatcherService:
    """One connection to the broker."""

    def __init__(self, triggers: Triggers, broker: Broker, logger: logging.Logger):
        self._triggers, self._broker, self._logger = triggers, broker, logger
        self._connection = broker.connect()
        # Sensors reach through these private names for the publisher's options.
        connection = SimpleNamespace(transport_options={})
        publisher = SimpleNamespace(pool=SimpleNamespace(connection=connection))
        self._dispatcher = SimpleNamespace(_publisher=SimpleNamespace(_publisher=publisher))

    def dispatch(self, trigger: str, payload: Any = None, trace_tag: Optional[str] = None,
                 throw_on_validation_error: bool = False) -> None:
        """Dispatch to a trigger's ref; a payload that breaks the schema is logged and dropped."""
        context = TraceContext(trace_tag=trace_tag) if trace_tag else None
        self.dispatch_with_context(trigger, payload, context, throw_on_validation_error)

    def dispatch_with_context(self, trigger: str, payload: Any = None,
                              trace_context: Optional[TraceContext] = None,
                              throw_on_validation_error: bool = False) -> None:
        """Dispatch with a trace; raises ValueError if the payload is wrong and that is wanted."""
        try:
            self._triggers.type_of(trigger).check_payload(payload)
        except Invalid as error:
            text = "Trigger payload validation failed, not dispatching {}: {}".format(
                trigger, error)
            if throw_on_validation_error:
                raise ValueError(text)
            self._logger.warning(text)
            return
        self._broker.send(self._connection, trigger, payload,
                          trace_context and trace_context.trace_tag)
