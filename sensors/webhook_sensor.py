"""The sensor class that StackStorm's sensor container loads and runs; see wiring.py."""
import gc
import signal
import sys
from typing import Any, Dict, Optional

import eventlet
from st2reactor.sensor.base import Sensor

from listening.operations.config_watch import ConfigWatch
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor
from stackstorm import database, sensor_process
from wiring import Parts

STOPPED = 128 + signal.SIGTERM  # StackStorm restarts failed sensors, unless it stopped them


class WebhookSensor(Sensor):
    """Receives HipChat's events, and publishes each to the StackStorm triggers that it matches.

    StackStorm calls setup() and run(); add_trigger(), update_trigger() and remove_trigger() when
    rules change; and cleanup() at the end.
    """

    def __init__(self, sensor_service: Any, config: Optional[Dict[str, Any]] = None):
        super().__init__(sensor_service=sensor_service, config=config)
        self._log = sensor_service.get_logger("sensor")
        self._health = Health(self._log)
        self._supervisor = Supervisor(self._health)
        self._watch = ConfigWatch(
            registered=database.registered_config, resolved=database.resolved_config,
            health=self._health, log=self._log)
        self._inherited = sensor_process.inherited_config()
        self._parts: Optional[Parts] = None
        self._stopping = self._restarting = False

    def setup(self) -> None:
        """Handle SIGTERM, which would otherwise end the process without cleanup()."""
        signal.signal(signal.SIGTERM, self._stop)

    def run(self) -> None:
        """Run until SIGTERM; restart the process when the config changes.

        The process always ends with the exit status of a failure, so that StackStorm restarts the
        sensor if another program sent SIGTERM.
        """
        self._supervisor.run_forever("starting", self._begin)
        while not self._stopping:
            eventlet.sleep(0.1)
        if self._parts:
            self._parts.finish()
        if self._restarting:
            try:
                sensor_process.restart(self._watch.config)
            except OSError as error:
                self._log.info("The sensor's process cannot be replaced: %s.", error)
        sys.exit(STOPPED)

    def cleanup(self) -> None:
        """Refuse new deliveries, and finish the running dispatches. Webhooks stay in HipChat."""
        if self._parts:
            self._parts.finish()
            self._log.info("Stopped; %d deliveries wait in the spool.", self._parts.spool.waiting)

    def add_trigger(self, trigger: Dict[str, Any]) -> None:
        """Read all triggers again: `trigger` does not show whether its rule is enabled."""
        if self._parts:
            self._parts.triggers.triggers_changed()

    update_trigger = remove_trigger = add_trigger

    def _stop(self, signum: int, frame: Any) -> None:
        if self._parts:
            self._parts.intake.is_open = False
        self._stopping = True

    def _begin(self) -> None:
        """Start the parts with the first valid config; restart when the config has changed."""
        settings = self._watch.first(self._config, self._inherited)
        if not self._parts:  # the parts exist if this task failed below and was restarted
            self._parts = Parts(
                settings=settings, health=self._health, supervisor=self._supervisor, log=self._log,
                replaced=lambda: self._request_restart(
                    "The sensor is no longer the active one, and restarts."))
            gc.collect()
            gc.freeze()  # a full collection of StackStorm's modules takes 0.1 s each time
            self._parts.start()
        self._watch.change(settings)
        self._request_restart("The config has changed. The sensor restarts with the new one.")

    def _request_restart(self, reason: str) -> None:
        self._log.info("%s", reason)
        if self._parts:
            self._parts.intake.is_open = False
        self._restarting = self._stopping = True
