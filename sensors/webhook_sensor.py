"""The sensor as StackStorm calls it: setup, run, triggers, stop."""
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

STOPPED = 128 + signal.SIGTERM  # an exit status of a failure: StackStorm restarts failed sensors


class WebhookSensor(Sensor):
    """Receives what HipChat posts and dispatches it to the triggers of StackStorm's rules."""

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

        The exit status reports a failure, so StackStorm restarts the sensor if somebody else sent
        the signal. StackStorm does not restart a sensor that it stopped itself.
        """
        self._supervisor.run_forever("starting", self._begin)
        while not self._stopping:
            eventlet.sleep(0.1)
        if self._parts:
            self._parts.finish()
        if self._restarting:
            self._restart()
        sys.exit(STOPPED)

    def cleanup(self) -> None:
        """Refuse new deliveries and finish the work under way. Webhooks stay in HipChat."""
        if self._parts:
            self._parts.finish()
            self._log.info("Stopped; %d deliveries wait in the spool.", self._parts.spool.waiting)

    def add_trigger(self, trigger: Dict[str, Any]) -> None:
        """Read all triggers again: StackStorm also reports those of disabled rules here."""
        if self._parts:
            self._parts.triggers.triggers_changed()

    def update_trigger(self, trigger: Dict[str, Any]) -> None:
        self.add_trigger(trigger)

    def remove_trigger(self, trigger: Dict[str, Any]) -> None:
        self.add_trigger(trigger)

    def _stop(self, signum: int, frame: Any) -> None:
        if self._parts:
            self._parts.receiver.accepting = False
        self._stopping = True

    def _restart(self) -> None:
        try:
            sensor_process.restart(self._watch.config)
        except OSError as error:
            self._log.info("The sensor's process cannot be replaced: %s.", error)

    def _begin(self) -> None:
        """Start with the first valid config; restart when another one is registered."""
        settings = self._watch.first(self._config, self._inherited)
        if not self._parts:  # they exist if an earlier run failed below
            self._parts = Parts(settings=settings, health=self._health,
                                supervisor=self._supervisor, log=self._log,
                                replaced=self._start_as_standby)
            gc.collect()
            gc.freeze()  # each full collection of StackStorm's modules would take 0.1 s
            self._parts.start()
        self._watch.change(settings)
        self._start_again("The config has changed: the sensor starts again with it.")

    def _start_as_standby(self) -> None:
        self._start_again("Another sensor is the active one: this one starts again as a standby.")

    def _start_again(self, reason: str) -> None:
        self._log.info("%s", reason)
        if self._parts:
            self._parts.receiver.accepting = False
        self._restarting = self._stopping = True
