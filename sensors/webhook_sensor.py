"""The sensor: wires the parts of the hipchat library to StackStorm."""
import gc
import signal
import sys
import uuid
from typing import Any, Dict, Optional

import eventlet
from st2reactor.sensor.base import Sensor

import stackstorm.database as database
from hipchat.api.client import Client
from hipchat.events import EVENTS
from hipchat.webhook.ownership import Ownership
from hipchat.api.rate_limit import CallBudget
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import SensorSettings
from hipchat.webhook.webhook_url import Address
from listening.addon.installation import Installation
from listening.addon.routes import Routes
from listening.backoff import Backoff
from listening.operations.config_watch import ConfigWatch
from listening.http.server import Server
from listening.dispatch.dispatcher import Dispatcher
from listening.operations.health import Health
from listening.history.poller import HistoryPoller
from listening.history.holds import Holds
from listening.history.cursors import Cursors
from listening.dispatch.room_queues import RoomQueues
from listening.dispatch.subscriptions import Subscriptions
from listening.webhooks.other_sensors import other_sensor_at
from listening.errors import ServiceUnavailable
from listening.http.receiver import Receiver
from listening.webhooks.rule_problems import RuleProblems
from listening.spool import Spool, SpoolError, earlier_directories, usable_directory
from listening.operations.supervisor import Supervisor
from listening.webhooks.reconciler import WebhookReconciler
from stackstorm.publisher import TriggerPublisher

REFRESH_EVERY = 30.0  # seconds between two looks at StackStorm's triggers
REFRESH_SOON = 2.0  # seconds for the same while its database does not answer
LONGEST_PAUSE = 15.0  # seconds between two attempts to open the spool
STOP_WITHIN = 3.5  # seconds for what is under way; StackStorm kills a sensor after 5
LATEST_REPEAT = 3600.0  # seconds after which what comes again is no repetition
STOPPED = 128 + signal.SIGTERM  # the exit status: StackStorm starts only those again that failed
TRIGGER_TYPES = ["hipchat." + name for name in EVENTS]


class WebhookSensor(Sensor):
    """Receives what HipChat posts and dispatches it to the triggers that listen."""

    def __init__(self, sensor_service, config=None):
        super().__init__(sensor_service=sensor_service, config=config)
        self._log = sensor_service.get_logger("sensor")
        self._health = Health(self._log)
        self._supervisor = Supervisor(self._health)
        self._watch = ConfigWatch(database.registered_config, database.resolved_config,
                                  self._health, self._log)
        self._parts: Optional[_Parts] = None
        self._stopping = False

    def setup(self) -> None:
        """Take over SIGTERM, which would otherwise end the process at once, without cleanup()."""
        signal.signal(signal.SIGTERM, self._stop)

    def run(self) -> None:
        """Run until SIGTERM; then StackStorm calls cleanup().

        The status is that of a failure, so that StackStorm starts the sensor again if the signal
        was for this process alone; what it stops itself it does not start again.
        """
        self._supervisor.run_forever("starting", self._begin)
        while not self._stopping:
            eventlet.sleep(0.1)
        if self._parts:
            self._parts.finish()
        sys.exit(STOPPED)

    def cleanup(self) -> None:
        """Accept no more, and let what is under way reach StackStorm; webhooks stay in HipChat."""
        if self._parts:
            self._parts.finish()
            self._log.info("Stopped; %d deliveries wait in the spool.", self._parts.spool.waiting)

    def add_trigger(self, trigger: Dict[str, Any]) -> None:
        """A rule needs this trigger. (One that comes before the config is found by _refresh.)"""
        if self._parts:
            self._parts.subscriptions.add(trigger)

    def update_trigger(self, trigger: Dict[str, Any]) -> None:
        """A rule on this trigger was made, changed or deleted, and the trigger is still needed."""
        self.add_trigger(trigger)

    def remove_trigger(self, trigger: Dict[str, Any]) -> None:
        """The last rule on this trigger is gone."""
        if self._parts:
            self._parts.subscriptions.remove(trigger)

    def _stop(self, signum: int, frame: Any) -> None:
        if self._parts:
            self._parts.receiver.accepting = False
        self._stopping = True

    def _begin(self) -> None:
        """Start with a config that can be used, and end for a start with another."""
        settings = self._watch.first(self._config)
        if not self._parts:  # else this has failed further down
            self._parts = _Parts(settings, self._health, self._supervisor, self._log)
            gc.collect()
            gc.freeze()  # or else to look through all of StackStorm's modules stops it for 0.1 s
            self._parts.start()
        self._watch.change(settings)
        # A sensor that ends while the broker is away can take StackStorm's sensor container along.
        while not self._parts.publisher.can_connect():
            eventlet.sleep(LONGEST_PAUSE)
        self._log.info("The config has changed: the sensor ends, to be started with it.")
        self._stopping = True


class _Parts:
    """What listens, made for the settings of a config."""

    def __init__(self, settings: SensorSettings, health: Health, supervisor: Supervisor, log: Any):
        self._health, self._supervisor = health, supervisor
        self._managing: Any = None
        self._api = settings.api._replace(rate_limit_wait=0)
        budget = CallBudget(settings.calls_share)
        self._client = client = Client(self._api, budget)
        log.addFilter(client.secret_filter)
        health.mask = client.secret_filter.mask
        mark, rooms = uuid.uuid4().hex, RoomDirectory()
        ownership = Ownership(settings, lambda: mark,
                              lambda public_url: other_sensor_at(public_url, settings))
        self.subscriptions = Subscriptions(settings.rooms, settings.events, rooms, log,
                                   changed=self._wanted_changed,
                                   only_rooms=settings.only_rooms)
        self._addon = Installation(settings, database.kept_addon, database.keep_addon,
                                   self._credentials_changed, health, log)
        # Webhooks in rooms are made, and deleted, by whom they belong to.
        owner = client if self._addon.hears_alone or not self._addon.enabled else (
            Client(self._api, CallBudget(settings.calls_share)))
        self._webhooks = WebhookReconciler(
            client, owner, self._addon, ownership, "jwt" if settings.api.integration else None,
            bool(settings.public_url), self.subscriptions, rooms,
            lambda room: self._history.doubt(room), health, log)
        remembered = settings.catch_up + LATEST_REPEAT
        directory = usable_directory(settings.spool_directory, lambda words: health.set_problem(
            "spool", "deliveries are kept in another directory than the config's", words,
            about="directory"))
        self.spool = Spool(directory, settings.max_deliveries,
                           lambda words: health.record_incident("spool", "was mended", words),
                           earlier_directories(settings.spool_directory), supervisor.run_forever,
                           notice=log.warning, remembered=remembered)
        self.publisher = TriggerPublisher(health, log)
        self._dispatcher = Dispatcher(
            self.subscriptions, rooms, self.publisher.publish, self._refresh, self._unwanted,
            self._heard, settings.template_guard, health, log)
        self._room_queues = RoomQueues(self.spool, self._dispatcher.deliver, health)
        holds = Holds(self.spool, self._room_queues, log)
        self._history = HistoryPoller(
            client, budget, Cursors(directory), holds, self.subscriptions, rooms, self._webhooks,
            settings.catch_up, remembered, health, log)
        self.receiver = Receiver(
            settings, ownership.urls, Routes(self._addon), self._webhooks.unwanted,
            self._webhooks.room_of, self.spool, holds.arriving, self._room_queues.notify,
            self._history.doubt, client.now, health)
        self._server = Server(settings, self.receiver, self._history.doubt, health,
                              log) if settings.public_url else None
        health.add_metrics(waiting=lambda: self.spool.waiting, oldest=self.spool.oldest,
                    webhooks=self._webhooks.count, unheard_rooms=self._webhooks.unheard,
                    sensor=lambda: mark)
        for warning in settings.warnings:
            health.set_problem("settings", "something in the config is hardly meant", warning)
        if settings.api.verify is False:
            health.set_problem("TLS", "HipChat's certificate is not checked",
                               "verify_tls is false: "
                           "whoever stands between here and HipChat can read and use the token. "
                           "Set ca_bundle instead.", about="HipChat")

    def start(self) -> None:
        """Listen at once; accept and dispatch when the spool is open."""
        if self._server:
            self._supervisor.run_forever("listening", self._server.serve)
        self._supervisor.run_forever("opening", self._open)
        self._supervisor.run_forever("add-on", self._addon.run)

    def finish(self) -> None:
        """Take no more; return when what is under way is done, at the latest in STOP_WITHIN."""
        self.receiver.accepting = False
        with eventlet.Timeout(STOP_WITHIN, False):
            self._room_queues.finish()
            self.spool.settle()

    def _open(self) -> None:
        """Open the spool, then accept, dispatch and manage webhooks."""
        backoff = Backoff(LONGEST_PAUSE)
        while True:
            try:
                self.spool.open()
                break
            except SpoolError as error:
                self._health.set_problem("spool", "cannot be opened", str(error))
                eventlet.sleep(backoff.failed())
        self._health.clear_problem("spool")
        self._dispatcher.begin(self.spool.begin_epoch())
        self._history.begin()
        self.receiver.accepting = True
        self._room_queues.start(self._supervisor)
        self._supervisor.run_forever("publishing", self.publisher.watch)
        self._supervisor.run_forever("refreshing", self._refresh_forever)
        self._supervisor.run_forever("rules", RuleProblems(
            self.subscriptions, self._webhooks, database.enabled_rules, self._health).watch)

    def _credentials_changed(self) -> None:
        """The add-on was installed, uninstalled, or heard for the first time."""
        if self._addon.enabled:
            self._client.use(self._api._replace(integration=self._addon.credentials))
        self._webhooks.changed()
        self._history.doubt()

    def _wanted_changed(self) -> None:
        self._webhooks.changed()
        self._history.changed()

    def _unwanted(self, address: Address) -> None:
        """Nobody hears a delivery. (An add-on cannot choose what HipChat posts to it.)"""
        if not self._addon.hears_alone:
            self._webhooks.unwanted(address)

    def _heard(self, address: Address, name: str) -> None:
        """A delivery was dispatched; it calls its room by a name."""
        self._webhooks.heard(address, name)
        self._history.spoken(address.room)

    def _refresh_forever(self) -> None:
        """Changes of triggers while the broker is away are told to nobody; look for them."""
        while True:
            try:
                self._refresh()
            except ServiceUnavailable as outage:
                self._health.set_problem(outage.part, outage.summary, outage.detail, about="outage")
                eventlet.sleep(REFRESH_SOON)
            else:
                self._health.clear_problem("database", about="outage")
                # Not before all triggers are known: webhooks that none needs are deleted.
                if not self._managing:
                    self._managing = [self._supervisor.run_forever("webhooks", self._webhooks.run),
                                      self._supervisor.run_forever("history", self._history.run)]
                eventlet.sleep(REFRESH_EVERY)

    def _refresh(self) -> None:
        """Take the triggers as StackStorm's database has them."""
        while True:
            version = self.subscriptions.version
            triggers = database.triggers(TRIGGER_TYPES)
            if version == self.subscriptions.version:  # else one was added or removed meanwhile
                self.subscriptions.replace(triggers)
                return
