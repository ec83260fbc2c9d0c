"""Waits until the pack's config is valid, and detects when another config is registered."""
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
    """Reads the pack's config that is registered with StackStorm, and reports wrong values.

    Attributes:
        config: the last valid config, with its defaults and datastore values.
    """

    def __init__(self, registered: Callable[[], Config], resolved: Callable[[], Dict[str, Any]],
                 health: Health, log: logging.Logger):
        """Args:
            registered, resolved: registered_config() and resolved_config() of
                stackstorm/database.py.
        """
        self._registered, self._resolved = registered, resolved
        self._health, self._log = health, log
        self.config: Dict[str, Any] = {}
        self._seen: Config = None
        self._wrong = ""  # the detail of the problem that is set

    def first(self, config: Config, inherited: Config = None) -> SensorSettings:
        """Wait for a valid config, and return its settings.

        Args:
            config: the config with which StackStorm starts the sensor; used if it is valid.
            inherited: the config of the process that this process replaces, if any; used if
                `config` is wrong. If both are wrong, wait for the registered config.
        """
        for each in (config, inherited):
            try:
                return SensorSettings.from_config(each)
            except ConfigError:
                pass
        # StackStorm starts a new pack's sensor before it registers its config.
        self._log.info("There is no usable config yet; the sensor waits for it.")
        registered_by = time.monotonic() + timing.CONFIG_REGISTRATION_TIMEOUT
        while True:
            settings = self._read(may_be_missing=time.monotonic() < registered_by)
            if settings:
                return settings
            eventlet.sleep(timing.CONFIG_PERIOD)

    def change(self, settings: SensorSettings) -> None:
        """Wait until a valid config is registered whose settings differ from `settings`."""
        while self._read(may_be_missing=True) in (None, settings):
            eventlet.sleep(timing.CONFIG_PERIOD)

    def _read(self, may_be_missing: bool) -> Optional[SensorSettings]:
        """Read the registered config, and report in /health if it is wrong.

        Returns:
            The settings; None if the config is missing, wrong, not readable now, or unchanged.
        """
        try:
            registered = self._registered()
            if registered is None:
                if not may_be_missing:
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
        except Exception as error:  # for example, a datastore key that does not exist
            self._report("it cannot be read", f"{' '.join(str(error).split()):.500}")
        return None

    def _report(self, summary: str, detail: str) -> None:
        if self._wrong != detail:
            self._wrong = detail
            self._health.forget("config")
            # With `about`, each wrong value is logged: the summaries of two of them are equal.
            self._health.set_problem("config", summary, detail, about=detail, level=logging.ERROR)


def _values(count: int) -> str:
    return "a value is" if count == 1 else f"{count} values are"
