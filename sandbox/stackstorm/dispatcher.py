"""StackStorm's TriggerDispatcherService: checks a payload and sends it to the rules."""

import logging
from typing import Any, Optional

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.triggers import Triggers


class TraceContext:
    """The trace with which `st2 trace list` finds a trigger instance."""

    def __init__(self, id_: Optional[str] = None, trace_tag: Optional[str] = None):
        self.id_, self.trace_tag = id_, trace_tag


class TriggerDispatcherService:
    """Implements `sensor_service.dispatch`."""

    def __init__(self, triggers: Triggers, broker: Broker, logger: logging.Logger):
        self._triggers, self._broker, self._logger = triggers, broker, logger

    def dispatch(self, trigger: str, payload: Any = None, trace_tag: Optional[str] = None) -> None:
        """Dispatch to a trigger's ref; log and drop a payload that does not fit the schema."""
        context = TraceContext(trace_tag=trace_tag) if trace_tag else None
        self.dispatch_with_context(trigger, payload, context)

    def dispatch_with_context(self, trigger: str, payload: Any = None,
                              trace_context: Optional[TraceContext] = None) -> None:
        """Dispatch with a trace."""
        try:
            self._triggers.type_of(trigger).check_payload(payload)
        except Invalid as error:
            self._logger.warning("Trigger payload validation failed, not dispatching %s: %s",
                                 trigger, error)
            return
        trace_tag = trace_context.trace_tag if trace_context else None
        self._broker.send(self._broker.connect(), trigger, payload, trace_tag)
