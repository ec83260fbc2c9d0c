"""The sensor: wires the parts of the hipchat library to StackStorm."""
import gc
import signal
from typing import Any, Dict

import eventlet
from st2common.models.api.trigger import TriggerAPI
from st2common.persistence.trigger import Trigger
from st2reactor.sensor.base import Sensor

from listening.backoff import Backoff
from hipchat.client import Client
from listening.dispatcher import Dispatcher
from hipchat.events import EVENTS
from listening.health import Health
from listening.listeners import Listeners
from hipchat.rate_limit import CallBudget
from listening.receiver import Receiver
from hipchat.settings import SensorSettings
from listening.spool import Spool, SpoolError, earlier_directories, usable_directory
from hipchat.webhook_url import WebhookUrl
from listening.webhooks import Webhooks
from trigger_publisher import TriggerPublisher

SHARE_OF_CALLS = 5  # the sensor keeps within a fifth of the calls that HipChat allows the token
REFRESH_EVERY = 30.0  # seconds between two looks at StackStorm's triggers
LONGEST_PAUSE = 15.0  # seconds between two attempts to open the spool
STOP_WITHIN = 2.0  # seconds for what was accepted to reach the disk


class WebhookSensor(Sensor):
    """Receives what HipChat posts and dispatches it to the triggers that listen."""

    def __init__(self, sensor_service, config=None):
        super().__init__(sensor_service=sensor_service, config=config)
        self._log = sensor_service.get_logger("sensor")
        self._stopping = False
        settings = SensorSettings.from_config(config)
        client = Client(settings.api._replace(rate_limit_wait=0), CallBudget(SHARE_OF_CALLS))
        self._log.addFilter(client.secret_filter)
        urls = WebhookUrl(settings.public_url, settings.secret)
        self._verify = settings.api.verify
        self._health = Health(self._log)
        self._listeners = Listeners(settings.rooms, settings.events, self._log,
                                    changed=lambda: self._webhooks.changed(),
                                    only_rooms=settings.only_rooms)
        self._webhooks = Webhooks(client, urls, self._listeners.wanted,
                                  "jwt" if settings.api.integration else None,
                                  self._health, self._log)
        self._spool = Spool(usable_directory(settings.spool_directory, self._log),
                            settings.max_deliveries, repaired=self._log.warning,
                            earlier=earlier_directories(settings.spool_directory))
        self._dispatcher = Dispatcher(self._spool, self._listeners,
                                      TriggerPublisher(self._log).publish, self._refresh,
                                      self._webhooks.unwanted, settings.template_guard,
                                      self._health, self._log)
        self._receiver = Receiver(settings, urls, self._spool, self._dispatcher.notify,
                                  self._health, self._log)
        self._health.also(waiting=lambda: self._spool.waiting, oldest=self._spool.oldest,
                          webhooks=self._webhooks.count)

    def setup(self) -> None:
        """Take over SIGTERM, which would otherwise end the process at once, without cleanup()."""
        signal.signal(signal.SIGTERM, self._stop)
        if self._verify is False:
            self._log.warning("verify_tls is false: whoever stands between here and HipChat can "
                              "read and use the token. Set ca_bundle instead.")

    def run(self) -> None:
        """Run until SIGTERM; returning ends the process, and StackStorm calls cleanup()."""
        gc.collect()
        gc.freeze()  # or else to look through all of StackStorm's modules stops it for 0.1 s
        eventlet.spawn(self._receiver.serve)
        eventlet.spawn(self._begin)
        while not self._stopping:
            eventlet.sleep(0.2)

    def cleanup(self) -> None:
        """Accept no more and let what was accepted reach the disk. Webhooks stay in HipChat."""
        self._receiver.accepting = False
        with eventlet.Timeout(STOP_WITHIN, False):
            self._spool.settle()
        self._log.info("Stopped; %d deliveries wait in the spool.", self._spool.waiting)

    def add_trigger(self, trigger: Dict[str, Any]) -> None:
        """A rule needs this trigger."""
        self._listeners.add(trigger)

    def update_trigger(self, trigger: Dict[str, Any]) -> None:
        """A rule on this trigger was made, changed or deleted, and the trigger is still needed."""
        self._listeners.add(trigger)

    def remove_trigger(self, trigger: Dict[str, Any]) -> None:
        """The last rule on this trigger is gone."""
        self._listeners.remove(trigger)

    def _stop(self, signum: int, frame: Any) -> None:
        self._receiver.accepting = False
        self._stopping = True

    def _begin(self) -> None:
        """Open the spool, then accept, dispatch and manage webhooks."""
        backoff = Backoff(LONGEST_PAUSE)
        while True:
            try:
                self._spool.open()
                break
            except SpoolError as error:
                self._health.trouble("spool", "cannot be opened", str(error))
                eventlet.sleep(backoff.failed())
        self._health.well("spool")
        self._receiver.accepting = True
        self._dispatcher.start()
        eventlet.spawn(self._refresh_forever)

    def _refresh_forever(self) -> None:
        """Changes of triggers while the broker is away are told to nobody; look for them."""
        managing = None
        while True:
            try:
                self._refresh()
                # Not before all triggers are known: webhooks that none needs are deleted.
                managing = managing or eventlet.spawn(self._webhooks.run)
            except Exception as error:
                self._log.info("The triggers could not be read: %r.", error)
            eventlet.sleep(REFRESH_EVERY)

    def _refresh(self) -> None:
        """Take the triggers as StackStorm's database has them."""
        while True:
            version = self._listeners.version
            triggers = [TriggerAPI.from_model(trigger).to_dict() for trigger in
                        Trigger.query(type__in=["hipchat." + name for name in EVENTS])]
            if version == self._listeners.version:  # else one was added or removed meanwhile
                self._listeners.replace(triggers)
                return
