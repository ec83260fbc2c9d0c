"""Builds the sensor's parts for a config, and connects them."""
import logging
import time
from typing import Any, Dict, List, Optional

import eventlet

from chatops.settings import ChatOpsSettings
from hipchat.api.client import Client
from hipchat.api.rate_limit import CallBudget
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import SensorSettings
from hipchat.errors import ConfigError
from hipchat.webhook.ownership import Ownership
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.addon.installation import Installation
from listening.backoff import Backoff
from listening.commands.service import ChatOps
from listening.context import Context
from listening.dispatch.dispatcher import Dispatcher
from listening.dispatch.room_queues import RoomQueues
from listening.dispatch.subscriptions import Subscriptions
from listening.history.cursors import CursorFile, Cursors
from listening.history.poller import HistoryPoller
from listening.http.addon_routes import AddonRoutes
from listening.http.intake import Intake
from listening.http.receiver import Receiver
from listening.http.server import Server
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor
from listening.operations.token_watch import TokenWatch
from listening.spool import Spool, SpoolError, SpoolLimits
from listening.webhooks.reconciler import WebhookReconciler
from listening.webhooks.rule_problems import RuleProblems
from stackstorm import account, database
from stackstorm.publisher import TriggerPublisher
from stackstorm.triggers import Triggers

__all__ = ["Parts"]


class Parts:
    """All parts of the sensor, built for one config.

    The public methods below finish() are the callbacks that connect parts: each has the same name
    where it is called, here, and (where one part alone answers it) in that part.
    """

    def __init__(self, settings: SensorSettings, health: Health, supervisor: Supervisor,
                 log: logging.Logger):
        self._supervisor = supervisor
        self._reconciling: List[Any] = []  # greenlets that must not run before triggers are known
        budget = CallBudget(settings.calls_share)
        self._api = settings.api._replace(rate_limit_wait=0)
        rooms = RoomDirectory()
        self.subscriptions = Subscriptions(
            rooms=settings.rooms, events=settings.events, directory=rooms, log=log,
            subscriptions_changed=self.subscriptions_changed, only_rooms=settings.only_rooms)
        self._context = context = Context(
            settings=settings, client=Client(self._api, budget), rooms=rooms,
            subscriptions=self.subscriptions, health=health, log=log)
        context.client.call_ended = health.metrics.call_ended
        self.triggers = Triggers(database.triggers, self.subscriptions, health)
        self._addon = Installation(
            settings=settings, load=database.load_addon, save=database.save_addon,
            credentials_changed=self.credentials_changed, health=health, log=log)
        ownership = Ownership(settings)
        self._webhooks = WebhookReconciler(
            context=context, owner=self._webhook_owner(), addon=self._addon, ownership=ownership,
            request_check=self.request_check)
        self.spool = Spool(
            directory=settings.spool_directory,
            limits=SpoolLimits(settings.max_deliveries, context.dedup_kept), health=health,
            run_forever=supervisor.run_forever, recheck_all=self.recheck_all)
        self.publisher = TriggerPublisher(health, log)
        self._dispatcher = Dispatcher(
            context=context, publish=self.publisher.publish, refresh=self.triggers.refresh,
            delivery_unwanted=self.delivery_unwanted, delivery_handled=self.delivery_handled,
            take_command=self.take_command)
        self._room_queues = RoomQueues(
            spool=self.spool, deliver=self._dispatcher.deliver, health=health, log=log)
        self._history = HistoryPoller(
            context=context, budget=budget, cursors=Cursors(CursorFile(self.spool.directory)),
            spool=self.spool, room_queues=self._room_queues, webhooks=self._webhooks)
        self.receiver = Receiver(
            context=context, urls=ownership.urls, addon=AddonRoutes(self._addon),
            intake=Intake(self.spool, self._room_queues),
            webhook_delivered=self._webhooks.webhook_delivered,
            request_check=self.request_check)
        health.add_metrics(waiting=lambda: self.spool.waiting, oldest=self.spool.oldest,
                           webhooks=self._webhooks.count, unheard_rooms=self._webhooks.unheard,
                           webhooks_elsewhere=self._webhooks.elsewhere)
        self._chatops = self._build_chatops()
        self._report_config()

    def start(self) -> None:
        """Listen at once; accept and dispatch when the spool is open."""
        context = self._context
        if context.settings.public_url:
            server = Server(settings=context.settings, application=self.receiver,
                            request_check=self.request_check, health=context.health,
                            log=context.log)
            self._supervisor.run_forever("listening", server.serve)
        self._supervisor.run_forever("opening", self._open)
        self._supervisor.run_forever("add-on", self._addon.run)

    def finish(self) -> None:
        """Accept no more; return when the work under way is done, at the latest in STOP_TIMEOUT."""
        self.receiver.accepting = False
        with eventlet.Timeout(timing.STOP_TIMEOUT, False):
            self._room_queues.finish()
            self.spool.settle()

    def request_check(self, room_id: Optional[int] = None) -> None:
        """Something may have been missed in a room, or in every room."""
        self._history.request_check(room_id)

    def recheck_all(self) -> None:
        """A part of the spool was lost."""
        self._history.recheck_all()

    def subscriptions_changed(self) -> None:
        """Other events or rooms are subscribed."""
        self._webhooks.subscriptions_changed()
        self._history.subscriptions_changed()

    def credentials_changed(self) -> None:
        """The add-on was installed, uninstalled, or received its first delivery."""
        if self._addon.enabled:
            self._context.client.use(self._api._replace(integration=self._addon.credentials))
            if self._chatops:
                self._chatops.use(self._context.settings.api._replace(
                    integration=self._addon.credentials))
        self._webhooks.wake()
        self.request_check()

    def delivery_unwanted(self, address: Address) -> None:
        """No subscription matches a delivery. (An add-on cannot choose what HipChat posts.)"""
        if not self._addon.replaces_webhooks:
            self._webhooks.note_leftover(address)

    def delivery_handled(self, address: Address, room_name: str) -> None:
        """A delivery was dispatched or dropped; it calls its room by a name."""
        self._webhooks.note_room_name(address, room_name)
        self._history.note_activity(address.room)

    def take_command(self, address: Address, body: Dict[str, Any], message_id: str) -> bool:
        """Take a delivery if it is a chat command, and return whether it is one."""
        return self._chatops is not None and self._chatops.take(address, body, message_id)

    def _webhook_owner(self) -> Client:
        """The client that makes and deletes webhooks in rooms: they belong to its token."""
        if self._addon.replaces_webhooks or not self._addon.enabled:
            return self._context.client
        return Client(self._api, CallBudget(self._context.settings.calls_share))

    def _build_chatops(self) -> Optional[ChatOps]:
        """ChatOps, if the config has it; a wrong section of the config stops nothing else."""
        context = self._context
        config = {"chatops": context.settings.chatops}
        if not ChatOpsSettings.are_in(config):
            return None
        try:
            settings = ChatOpsSettings.from_config(config)
        except ConfigError as error:
            context.health.set_problem(
                "commands", "none are taken, as chatops in the config is wrong",
                "\n  ".join(["Correct it, and register it:"] + error.problems), about="config")
            return None
        chatops = ChatOps(
            settings=settings, api=context.settings.api, platform=account.platform(),
            directory=self.spool.directory, health=context.health, log=context.log)
        self.subscriptions.command_addresses = chatops.addresses
        return chatops

    def _report_config(self) -> None:
        settings, health = self._context.settings, self._context.health
        for warning in settings.warnings:
            health.set_problem("settings", "something in the config is hardly meant", warning)
        if settings.api.verify is False:
            health.set_problem(
                "TLS", "HipChat's certificate is not checked", "verify_tls is false: whoever "
                "stands between here and HipChat can read and use the token. Set ca_bundle "
                "instead.", about="HipChat")

    def _open(self) -> None:
        """Open the spool, then accept, dispatch and manage webhooks."""
        health = self._context.health
        backoff = Backoff(timing.SPOOL_OPEN_RETRY_MAX)
        while True:
            try:
                self.spool.open()
                break
            except SpoolError as error:
                health.set_problem("spool", "cannot be opened", str(error))
                eventlet.sleep(backoff.failed())
        health.clear_problem("spool")
        self._dispatcher.begin(time.time())
        self._history.begin()
        if self._chatops:
            self._chatops.start(self._supervisor)
        self.receiver.accepting = True
        self._room_queues.start(self._supervisor)
        self._supervisor.run_forever("publishing", self.publisher.watch)
        self._supervisor.run_forever("refreshing", self._refresh_triggers)
        self._supervisor.run_forever("rules", RuleProblems(
            subscriptions=self.subscriptions, webhooks=self._webhooks,
            rules=database.enabled_rules, health=health).watch)

    def _refresh_triggers(self) -> None:
        self.triggers.run(self._reconcile)

    def _reconcile(self) -> None:
        """Start to manage webhooks and to read histories. Not before the triggers are known:
        webhooks that none needs are deleted."""
        if not self._reconciling:
            self._reconciling = [
                self._supervisor.run_forever("webhooks", self._webhooks.run),
                self._supervisor.run_forever("history", self._history.run),
                self._supervisor.run_forever("token", TokenWatch(self._context).run)]
