"""StackStorm's base classes of sensors and actions."""

import abc
import logging
from typing import Any, Dict, Optional

import eventlet


class Sensor(abc.ABC):
    """Base class of sensors that wait for events."""

    def __init__(self, sensor_service: Any, config: Optional[Dict[str, Any]] = None):
        self.sensor_service = self._sensor_service = sensor_service
        self.config = self._config = config or {}

    @abc.abstractmethod
    def setup(self) -> None:
        """Set up; called once, before `run`."""

    @abc.abstractmethod
    def run(self) -> None:
        """Work until the process ends."""

    @abc.abstractmethod
    def cleanup(self) -> None:
        """Clean up; called when the process ends in an orderly way."""

    @abc.abstractmethod
    def add_trigger(self, trigger: Dict[str, Any]) -> None:
        """Handle a trigger that was created, or that existed at the start."""

    @abc.abstractmethod
    def update_trigger(self, trigger: Dict[str, Any]) -> None:
        """Handle a change of one of the trigger's rules."""

    @abc.abstractmethod
    def remove_trigger(self, trigger: Dict[str, Any]) -> None:
        """Handle a trigger whose last rule was deleted."""


class PollingSensor(Sensor):
    """Base class of sensors that poll for events."""

    def __init__(self, sensor_service: Any, config: Optional[Dict[str, Any]] = None,
                 poll_interval: float = 5):
        super().__init__(sensor_service, config)
        self._poll_interval = poll_interval

    @abc.abstractmethod
    def poll(self) -> None:
        """Poll once."""

    def run(self) -> None:
        """Poll every `poll_interval` seconds, forever."""
        while True:
            self.poll()
            eventlet.sleep(self._poll_interval)

    def get_poll_interval(self) -> float:
        """Return the seconds between two polls."""
        return self._poll_interval

    def set_poll_interval(self, poll_interval: float) -> None:
        """Set the seconds between two polls."""
        self._poll_interval = poll_interval


class Action(abc.ABC):
    """Base class of Python actions."""

    description = None

    def __init__(self, config: Optional[Dict[str, Any]] = None, action_service: Any = None):
        self.config = config or {}
        self.action_service = action_service
        self.logger = logging.getLogger("st2.actions.python." + type(self).__name__)

    @abc.abstractmethod
    def run(self, **kwargs: Any) -> Any:
        """Run the action; returns (succeeded, result), or the result alone."""
