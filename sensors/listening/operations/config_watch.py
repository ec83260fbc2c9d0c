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
    """Looks at the pack's config as it is registered with StackStorm, and tells what is wrong.

    registered returns what was registered, None if nothing was; resolved returns the same with
    its defaults and with what it has from the datastore.
    """

    def __init__(self, registered: Callable[[], Config], resolved: Callable[[], Config],
                 health: Health, log: logging.Logger):
        self._registered, self._resolved = registered, resolved
        self._health, self._log = health, log
        self._seen: Config = None
        self._wrong = ""  # what was told of it

    def first(self, config: Config) -> SensorSettings:
        """The settings of this config, or else of the first registered one that can be used."""
        try:
            return SensorSettings.from_config(config)
        except ConfigError:  # StackStorm starts a new pack's sensor before it registers its config
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
                    self._tell("none is registered", "Write it, and run st2ctl reload "
                               "--register-configs.")
            elif registered != self._seen or self._wrong:
                settings = SensorSettings.from_config(self._resolved())
                self._seen, self._wrong = registered, ""
                self._health.forget("config")
                return settings
        except ConfigError as error:
            self._tell(f"{_values(len(error.problems))} wrong",
                       "\n  ".join(["Correct it, and register it:"] + error.problems))
        except ServiceUnavailable:  # told by whoever has something to dispatch
            pass
        except Exception as error:  # a key of the datastore that is not there, say
            self._tell("it cannot be read", f"{' '.join(str(error).split()):.500}")
        return None

    def _tell(self, summary: str, detail: str) -> None:
        if self._wrong != detail:
            self._wrong = detail
            self._health.forget("config")
            self._health.set_problem("config", summary, detail, level=logging.ERROR)


def _values(count: int) -> str:
    return "a value is" if count == 1 else f"{count} values are"
