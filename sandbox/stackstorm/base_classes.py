"""The platform's base classes of sensors and actions."""

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
        """Prepare; called once, before `run`."""

    @abc.abstractmethod
    def run(self) -> None:
        """Work until the process ends."""

    @abc.abstractmethod
    def cleanup(self) -> None:
        """Tidy up; called when the process ends in an orderly way."""

    @abc.abstractmethod
    def add_trigger(self, trigger: Dict[str, Any]) -> None:
        """A trigger is there, or was there at the start."""

    @abc.abstractmethod
    def update_trigger(self, trigger: Dict[str, Any]) -> None:
        """A rule of this trigger changed."""

    @abc.abstractmethod
    def remove_trigger(self, trigger: Dict[str, Any]) -> None:
        """The last rule of this trigger is gone."""


class PollingSensor(Sensor):
    """Base class of sensors that look for events."""

    def __init__(self, sensor_service: Any, config: Optional[Dict[str, Any]] = None,
                 poll_interval: float = 5):
        super().__init__(sensor_service, config)
        self._poll_interval = poll_interval

    @abc.abstractmethod
    def poll(self) -> None:
        """Look once."""

    def run(self) -> None:
        """Poll for ever, `poll_interval` seconds apart."""
        while True:
            self.poll()
            eventlet.sleep(self._poll_interval)

    def get_poll_interval(self) -> float:
        """Seconds between two polls."""
        return self._poll_interval

    def set_poll_interval(self, poll_interval: float) -> None:
        """Change the seconds between two polls."""
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
        """Do it; returns (succeeded, result), or the result alone."""
