"""Builds the sensor's parts for a config, and connects them.

    webhook:  Server -> Receiver -> Spool -> RoomQueues -> Dispatcher -> TriggerPublisher
    backfill: HistoryPoller -> Spool
    command:  Dispatcher -> ChatOps
"""
import logging
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Union

import eventlet

from chatops.settings import ChatOpsSettings
from hipchat.api.client import Client
from hipchat.api.rate_limit import CallBudget
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import SensorSettings
from hipchat.errors import ConfigError
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening import timing
from listening.addon.installation import Installation
from listening.backoff import Backoff
from listening.context import Context
from listening.dispatch.dispatched_before import DispatchedBefore
from listening.dispatch.dispatcher import Dispatcher
from listening.dispatch.room_queues import RoomQueues
from listening.errors import ServiceUnavailable
from listening.history.cursors import Cursors
from listening.history.poller import HistoryPoller
from listening.http.intake import Intake
from listening.http.receiver import Receiver
from listening.http.server import Server
from listening.operations.health import Health
from listening.operations.leadership import Leadership, SoleSensor
from listening.operations.roster import Roster
from listening.operations.supervisor import Supervisor
from listening.operations.watches import watch_stalls, watch_token
from listening.spool import Spool, SpoolError
from listening.subscriptions import Subscriptions
from listening.webhooks.reconciler import WebhookReconciler
from listening.webhooks.rule_problems import RuleProblems
from stackstorm import database, datastore
from stackstorm.coordination import CoordinationLock, coordination_url
from stackstorm.publisher import TriggerPublisher
from stackstorm.triggers import Triggers

if TYPE_CHECKING:
    from listening.commands.service import ChatOps

__all__ = ["Parts"]


class Parts:
    """Builds, starts and stops all parts of the sensor, for one config.

    The public methods below finish() are callbacks, which one part calls and another part carries
    out.
    """

    def __init__(self, settings: SensorSettings, health: Health, supervisor: Supervisor,
                 log: logging.Logger, replaced: Callable[[], None]):
        """Args:
            replaced: called when another sensor has become the active one. The callback must
                restart this sensor, which dispatches nothing more.
        """
        self._supervisor, self._replaced = supervisor, replaced
        budget = CallBudget(settings.calls_share)
        self._api = settings.api._replace(rate_limit_wait=0)
        rooms = RoomDirectory()
        self.subscriptions = Subscriptions(
            rooms=settings.rooms, events=settings.events, directory=rooms, log=log,
            subscriptions_changed=self.subscriptions_changed)
        self._context = context = Context(
            settings=settings, client=Client(self._api, budget), rooms=rooms,
            subscriptions=self.subscriptions, health=health, log=log)
        context.client.call_ended = health.metrics.call_ended
        health.secrets = lambda: [settings.api.api_key or "", *context.client.secrets]
        self.triggers = Triggers(self.subscriptions, health)
        self._addon = Installation(
            settings=settings, load=database.load_addon, save=database.save_addon,
            credentials_changed=self.credentials_changed, health=health, log=log)
        urls = WebhookUrl(settings.public_url, settings.secret)
        self._webhooks = WebhookReconciler(
            context=context, owner=self._webhook_owner(), addon=self._addon, urls=urls,
            request_check=self.request_check)
        self.spool = Spool(
            directory=settings.spool_directory, max_deliveries=settings.max_deliveries,
            dedup_kept=context.dedup_kept, health=health, run_forever=supervisor.run_forever,
            recheck_all=lambda: self._history.recheck_all())
        self.publisher = TriggerPublisher(health, log)
        self._leadership = self._build_leadership(health)
        self._chatops = self._build_chatops()
        self._dispatcher = Dispatcher(
            context=context, publish=self._publish, refresh=self.triggers.refresh,
            delivery_unwanted=self.delivery_unwanted, delivery_handled=self.delivery_handled,
            take_command=self._chatops.take if self._chatops else lambda *delivery: False)
        self._room_queues = RoomQueues(
            spool=self.spool, deliver=self._dispatcher.deliver, health=health, log=log)
        self._cursors = Cursors(datastore.read_all, self._write_shared, self.spool.directory)
        self._history = HistoryPoller(
            context=context, budget=budget, cursors=self._cursors,
            spool=self.spool, room_queues=self._room_queues, webhooks=self._webhooks)
        self.intake = Intake(
            spool=self.spool, room_queues=self._room_queues, leadership=self._leadership,
            request_check=self.request_check)
        self._receiver = Receiver(
            context=context, urls=urls, addon=self._addon, intake=self.intake,
            webhook_delivered=self._webhooks.webhook_delivered)
        health.add_metrics(role=lambda: self._leadership.role,
                           waiting=lambda: self.spool.waiting, oldest=self.spool.oldest,
                           webhooks=self._count_webhooks,
                           unheard_rooms=lambda: len(self._webhooks.problems()),
                           webhooks_elsewhere=self._webhooks.elsewhere)
        self._report_config()

    def start(self) -> None:
        """Listen on the port now; accept and dispatch deliveries once this is the active sensor."""
        context = self._context
        if context.settings.public_url:
            server = Server(settings=context.settings, application=self._receiver,
                            request_check=self.request_check, health=context.health,
                            log=context.log)
            self._supervisor.run_forever("listening", server.serve)
        self._supervisor.run_forever("opening", self._run)

    def finish(self) -> None:
        """Refuse new deliveries, and wait at most STOP_TIMEOUT for dispatches and disk writes."""
        self.intake.is_open = False
        with eventlet.Timeout(timing.STOP_TIMEOUT, False):
            self._room_queues.finish()
            self.spool.settle()
            self._cursors.write()
            self._leadership.resign()

    def request_check(self, room_id: Optional[int] = None) -> None:
        """Have the history of a room (None: of all rooms) read soon: messages may be missing."""
        self._history.request_check(room_id)

    def subscriptions_changed(self) -> None:
        """Adapt webhooks and history polling to the rules' changed triggers."""
        self._webhooks.wake()
        self._history.subscriptions_changed()

    def credentials_changed(self) -> None:
        """Use the add-on's credentials after it was installed or removed, or began to deliver."""
        if self._addon.enabled:
            self._context.client.use(self._api._replace(integration=self._addon.credentials))
            if self._chatops:
                self._chatops.use(self._context.settings.api._replace(
                    integration=self._addon.credentials))
        self._webhooks.wake()
        self.request_check()

    def delivery_unwanted(self, address: Address) -> None:
        """Request the deletion of a webhook whose delivery no subscription needs.

        An add-on's webhooks stay: an add-on cannot choose which events HipChat posts to it.
        """
        if not self._addon.replaces_webhooks:
            self._webhooks.note_leftover(address)

    def delivery_handled(self, address: Address, room_name: str) -> None:
        """Note a room's activity and name from a delivery that was dispatched or dropped."""
        self._webhooks.note_room_name(address, room_name)
        self._history.note_activity(address.room_id)

    def _count_webhooks(self) -> Dict[str, int]:
        """Count the required webhooks, and those that HipChat has; 0 for a standby sensor."""
        if self._leadership.role == "standby":
            return {"wanted": 0, "present": 0}
        return self._webhooks.count()

    def _webhook_owner(self) -> Client:
        """Return the API client whose token creates, owns and deletes the room webhooks."""
        if self._addon.replaces_webhooks or not self._addon.enabled:
            return self._context.client
        owner = Client(self._api, CallBudget(self._context.settings.calls_share))
        owner.call_ended = self._context.health.metrics.other_call_ended
        return owner

    def _build_chatops(self) -> "Optional[ChatOps]":
        """Return None if chatops in the config is missing, or wrong (then a problem is set)."""
        context = self._context
        config = {"chatops": context.settings.chatops}
        if not ChatOpsSettings.are_in(config):
            return None
        try:
            settings = ChatOpsSettings.from_config(config)
        except ConfigError as error:
            context.health.set_problem(
                "commands", "not accepted, because chatops in the config is wrong",
                "\n  ".join(["Correct it, and register it:"] + error.problems), about="config")
            return None
        from listening.commands.journal import CommandStore  # only if needed: it takes 2 MiB
        from listening.commands.service import ChatOps
        from stackstorm import account
        chatops = ChatOps(
            settings=settings, api=context.settings.api, platform=account.platform(),
            store=CommandStore(
                check_active=self._leadership.check, read=datastore.read_prefix,
                write=self._write_shared, delete=datastore.delete),
            health=context.health, log=context.log)
        self.subscriptions.command_addresses = chatops.addresses
        return chatops

    def _build_leadership(self, health: Health) -> Union[Leadership, SoleSensor]:
        roster = Roster(datastore.read, datastore.write, self.spool.directory)
        url = coordination_url()
        if url is None:
            return SoleSensor(roster, health)
        return Leadership(lock=CoordinationLock(url), roster=roster,
                          can_dispatch=self.publisher.can_connect, health=health)

    def _publish(self, trigger_ref: str, payload: Dict[str, Any], trace_tag: str) -> None:
        """Publish to a trigger; raise ServiceUnavailable if another sensor may be active."""
        self._leadership.check()
        self.publisher.publish(trigger_ref, payload, trace_tag)

    def _write_shared(self, key: str, value: str) -> None:
        """Store a datastore value; raise ServiceUnavailable if another sensor may be active."""
        self._leadership.check()
        datastore.write(key, value)

    def _report_config(self) -> None:
        settings, health = self._context.settings, self._context.health
        for warning in settings.warnings:
            health.set_problem("settings", "a config value is probably a mistake", warning)
        if settings.api.verify is False:
            health.set_problem(
                "TLS", "HipChat's certificate is not checked", "verify_tls is false: anybody on "
                "the network path to HipChat can read and use the token. Set ca_bundle instead.",
                about="HipChat")

    def _run(self) -> None:
        """Open the spool, wait to become the active sensor, and return when another is active."""
        self._retry_spool(self.spool.open)
        try:
            self._leadership.run(take_over=self._take_over, activate=self._activate,
                                 request_check=self.request_check)
        finally:
            if self.intake.is_open:  # also after a defect: no task may be started twice
                self.intake.is_open = False
                self._replaced()

    def _retry_spool(self, call: Callable[[], Any]) -> Any:
        """Return the result of a method of the spool; repeat the call until it succeeds."""
        health, backoff = self._context.health, Backoff(timing.SPOOL_OPEN_RETRY_MAX)
        while True:
            try:
                result = call()
            except SpoolError as error:
                health.set_problem("spool", "cannot be opened", str(error))
                eventlet.sleep(backoff.failed())
            else:
                health.clear_problem("spool")
                return result

    def _activate(self) -> None:
        """Begin the work of the active sensor: accept and dispatch deliveries, manage webhooks."""
        self.intake.is_open = True
        run_forever = self._supervisor.run_forever
        run_forever("add-on", self._addon.run)
        run_forever("publishing", self.publisher.watch)
        run_forever("beginning", self._begin_dispatching)

    def _begin_dispatching(self) -> None:
        """Start the other tasks, once cursors, commands and triggers are read from StackStorm.

        Before the triggers are read, no webhooks may be managed: those that no trigger needs are
        deleted.
        """
        health = self._context.health
        while True:
            try:
                self._history.begin()
                if self._chatops:
                    self._chatops.open()
                self.triggers.refresh()
                break
            except ServiceUnavailable as error:
                health.set_problem(error.part, error.summary, error.detail, about="outage")
                eventlet.sleep(timing.TRIGGER_REFRESH_RETRY_DELAY)
        if self._chatops:
            self._chatops.start(self._supervisor)
        self._room_queues.start(self._supervisor)
        run_forever = self._supervisor.run_forever
        run_forever("cursors", lambda: self._cursors.store_forever(self.spool.is_waiting))
        run_forever("stalls", lambda: watch_stalls(self.request_check))
        run_forever("refreshing", self.triggers.run)
        run_forever("rules", RuleProblems(
            subscriptions=self.subscriptions, webhooks=self._webhooks,
            enabled_rules=database.enabled_rules, health=health).watch)
        run_forever("webhooks", self._webhooks.run)
        run_forever("history", self._read_histories)
        run_forever("token", lambda: watch_token(self._api, health))

    def _take_over(self) -> None:
        """Discard the deliveries in the spool, because another sensor has been active since.

        Messages, notifications and topics are read again from HipChat's history, from the cursors
        on that the other sensor stored. What that sensor dispatched is skipped.
        """
        context = self._context
        count = self._retry_spool(self.spool.discard)
        if count:
            context.health.record_incident(
                "spool", "deliveries were discarded at a takeover", "Another sensor was active "
                f"in between. {count} deliveries that waited in this sensor's spool were "
                "discarded. Messages, notifications and topics among them are read from HipChat's "
                "history; the others are lost.")
        self._dispatcher.take_over(DispatchedBefore(
            dispatched_since=database.dispatched_since, now=context.client.now,
            reach=context.dedup_kept))
        context.log.info("Another sensor was active; this one takes over.")

    def _read_histories(self) -> None:
        eventlet.sleep(self._leadership.settle_delay)
        self._history.run()
