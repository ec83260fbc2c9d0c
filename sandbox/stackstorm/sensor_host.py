"""Runs the pack's sensor as StackStorm's sensor wrapper does."""

import atexit
import logging
from typing import Any, Dict, Optional, Set

import eventlet

from sandbox.stackstorm import plugins
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.pack import Pack
from sandbox.stackstorm.transport import TraceContext
from sandbox.stackstorm.triggers import Trigger, Triggers

LOG = logging.getLogger("sandbox.sensor")


class SensorService:
    """A sensor's `sensor_service`; its values are in memory only."""

    def __init__(self, triggers: Triggers, broker: Broker, logger: logging.Logger):
        self._triggers, self._broker, self._logger = triggers, broker, logger
        self._values: Dict[str, str] = {}

    def dispatch(self, trigger: str, payload: Any = None, trace_tag: Optional[str] = None) -> None:
        """Dispatch to a trigger's ref; log and drop a payload that does not fit the schema."""
        self.dispatch_with_context(trigger, payload, TraceContext(trace_tag=trace_tag))

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

    def get_logger(self, name: str) -> logging.Logger:
        """Return a logger for the sensor."""
        return self._logger.getChild(name)

    def get_value(self, name: str) -> Optional[str]:
        """Return a value, or None."""
        return self._values.get(name)

    def set_value(self, name: str, value: str) -> bool:
        """Store a value until the process ends."""
        self._values[name] = value
        return True

    def delete_value(self, name: str) -> bool:
        """Delete a value; return whether it existed."""
        return self._values.pop(name, None) is not None


class SensorHost:
    """Runs one sensor, and calls it when its triggers change."""

    def __init__(self, pack: Pack, definition: Dict[str, Any], triggers: Triggers, broker: Broker):
        self._types = [f"{pack.ref}.{each['name']}"
                       for each in definition["trigger_types"]]
        self._triggers, self._broker = triggers, broker
        self._known: Set[str] = set()
        self._sensor = _instance(pack, definition, triggers, broker)
        self._tell = {"create": self._create, "update": self._update, "delete": self._delete}

    def run(self) -> None:
        """Set up and run the sensor; raise its errors."""
        atexit.register(self._sensor.cleanup)
        # As in StackStorm, both run while the sensor is still being set up.
        eventlet.spawn_n(self._replay)
        eventlet.spawn_n(self._follow, self._broker.subscribe())
        LOG.info("Running sensor initialization code")
        self._sensor.setup()
        LOG.info("Running sensor")
        self._sensor.run()

    def _replay(self) -> None:
        try:
            for trigger in self._triggers.query(type__in=self._types):
                self._create(trigger)
        except Exception:
            LOG.exception("add_trigger raised: the triggers after this one are not replayed")

    def _follow(self, changes: eventlet.Queue) -> None:
        while True:
            event, trigger = changes.get()
            if trigger.type in self._types:
                try:
                    self._tell[event](trigger)
                except Exception:
                    LOG.exception("The sensor raised an exception on %s of %s", event, trigger.ref)

    def _create(self, trigger: Trigger) -> None:
        self._known.add(trigger.id)
        self._sensor.add_trigger(trigger=trigger.to_dict())

    def _update(self, trigger: Trigger) -> None:
        self._known.add(trigger.id)
        self._sensor.update_trigger(trigger=trigger.to_dict())

    def _delete(self, trigger: Trigger) -> None:
        if trigger.id in self._known:
            self._known.discard(trigger.id)
            self._sensor.remove_trigger(trigger=trigger.to_dict())


def _instance(pack: Pack, definition: Dict[str, Any], triggers: Triggers, broker: Broker) -> Any:
    from st2reactor.sensor.base import PollingSensor, Sensor
    cls = plugins.load_class(pack.path / "sensors" / definition["entry_point"],
                             (Sensor, PollingSensor), definition["class_name"])
    more = {}
    if "poll_interval" in definition and issubclass(cls, PollingSensor):
        more["poll_interval"] = definition["poll_interval"]
    service = SensorService(triggers, broker, logging.getLogger(pack.ref))
    return cls(sensor_service=service, config=pack.config, **more)
