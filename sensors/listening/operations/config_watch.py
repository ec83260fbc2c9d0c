"""Waits for a config that can be used, and for a change of it."""
import logging
import time
from typing import Any, Callable, Dict, Optional

import eventlet

from hipchat.errors import ConfigError
from hipchat.config.sensor_settings import SensorSettings
from listening import timing
from listening.operations.health import Health
from listening.errors import ServiceUnavailable

__all__ = ["ConfigWatch"]

Config = Optional[Dict[str, Any]]


class ConfigWatch:
    """Looks at the pack's config as it is registered with StackStorm, and reports what is wrong.

    config: the last one that could be used, with its defaults and its values of the datastore.
    """

    def __init__(self, registered: Callable[[], Config], resolved: Callable[[], Dict[str, Any]],
                 health: Health, log: logging.Logger):
        """Args:
            registered: returns the registered config, None if there is none.
            resolved: returns the same with its defaults and its values of the datastore.
        """
        self._registered, self._resolved = registered, resolved
        self._health, self._log = health, log
        self.config: Dict[str, Any] = {}
        self._seen: Config = None
        self._wrong = ""  # the detail of the problem that is set

    def first(self, config: Config, inherited: Config = None) -> SensorSettings:
        """The settings of the first config that can be used.

        Args:
            config: that with which StackStorm has started the sensor.
            inherited: that which the sensor's process has passed on when it replaced itself.
        """
        for each in (config, inherited):
            try:
                return SensorSettings.from_config(each)
            except ConfigError:
                pass
        # StackStorm starts a new pack's sensor before it registers its config.
        self._log.info("There is no usable config yet; the sensor waits for it.")
        began = time.monotonic()
        while True:
            waited = time.monotonic() - began
            settings = self._look(patient=waited < timing.CONFIG_REGISTRATION_TIMEOUT)
            if settings:
                return settings
            eventlet.sleep(timing.CONFIG_PERIOD if waited < timing.CONFIG_SLOW_DELAY else
                           timing.CONFIG_SLOW_PERIOD)

    def change(self, settings: SensorSettings) -> None:
        """Return when a config that can be used was registered in place of these settings'."""
        while self._look(patient=True) in (None, settings):
            eventlet.sleep(timing.CONFIG_PERIOD)

    def _look(self, patient: bool) -> Optional[SensorSettings]:
        """The settings of what is registered now; None if it is wrong, or what was seen before."""
        try:
            registered = self._registered()
            if registered is None:
                if not patient:
                    self._report("none is registered", "Write it, and run st2ctl reload "
                               "--register-configs.")
            elif registered != self._seen or self._wrong:
                config = self._resolved()
                settings = SensorSettings.from_config(config)
                self.config, self._seen, self._wrong = config, registered, ""
                self._health.forget("config")
                return settings
        except ConfigError as error:
            self._report(f"{_values(len(error.problems))} wrong",
                       "\n  ".join(["Correct it, and register it:"] + error.problems))
        except ServiceUnavailable:  # Triggers sets the problem
            pass
        except Exception as error:  # a key of the datastore that is not there, say
            self._report("it cannot be read", f"{' '.join(str(error).split()):.500}")
        return None

    def _report(self, summary: str, detail: str) -> None:
        if self._wrong != detail:
            self._wrong = detail
            self._health.forget("config")
            self._health.set_problem("config", summary, detail, level=logging.ERROR)


def _values(count: int) -> str:
    return "a value is" if count == 1 else f"{count} values are"
