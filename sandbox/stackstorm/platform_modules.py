"""Provides the modules of StackStorm that packs import."""

import importlib
import sys
import types
from datetime import datetime, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from sandbox.stackstorm import base_classes, templates, transport
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.database import Database
from sandbox.stackstorm.datastore import CryptoKeyNotSetupException
from sandbox.stackstorm.errors import NotFound
from sandbox.stackstorm.triggers import Triggers


def install_base_classes() -> None:
    """Provide the base classes of sensors and actions, unless StackStorm is installed."""
    try:
        importlib.import_module("st2reactor.sensor.base")
        importlib.import_module("st2common.runners.base_action")
    except ModuleNotFoundError:
        _provide("st2reactor.sensor.base",
                 Sensor=base_classes.Sensor, PollingSensor=base_classes.PollingSensor)
        _provide("st2common.runners.base_action", Action=base_classes.Action)
        _provide("st2common.util.jinja", get_filters=lambda: templates.FILTERS)


def install_services(triggers: Triggers, broker: Broker, database: Database,
                     api_url: str = "") -> None:
    """Provide the services that a sensor imports, also if StackStorm is installed."""
    _provide("st2common.models.api.trace", TraceContext=transport.TraceContext)
    _provide("st2common.transport.reactor", TriggerDispatcher=transport.TriggerDispatcher,
             TRIGGER_INSTANCE_XCHG=transport.TRIGGER_INSTANCE_XCHG)
    _provide("st2common.transport.utils",
             get_connection=partial(transport.connect, triggers, broker))
    _provide("st2common.exceptions.db", StackStormDBObjectNotFoundError=NotFound)
    _provide("st2common.persistence.trigger",
             Trigger=SimpleNamespace(query=database.triggers),
             TriggerInstance=SimpleNamespace(query=database.instances))
    _provide("st2common.persistence.rule", Rule=SimpleNamespace(query=database.rules))
    _provide("st2common.persistence.pack", Config=SimpleNamespace(get_by_pack=database.config))
    _provide("st2common.persistence.keyvalue", KeyValuePair=SimpleNamespace(
        get_by_scope_and_name=database.datastore.get_by_scope_and_name,
        add_or_update=database.datastore.add_or_update, delete=database.datastore.delete,
        query=database.pairs))
    _provide("st2common.exceptions.keyvalue",
             CryptoKeyNotSetupException=CryptoKeyNotSetupException)
    _provide("st2common.services.config",
             set_datastore_value_for_config_key=database.datastore.set_secret)
    _provide("st2common.models.api.trigger",
             TriggerAPI=SimpleNamespace(from_model=lambda trigger: trigger))
    _provide("st2common.util.config_loader", ContentPackConfigLoader=lambda pack: SimpleNamespace(
        get_config=database.resolved_config))
    _install_account(api_url)


def _install_account(api_url: str) -> None:
    """Provide the functions for a token and the API's URL; the sandbox has no authentication."""
    stream = urlsplit(api_url)
    _provide("oslo_config", cfg=SimpleNamespace(
        StrOpt=_option, IntOpt=_option, CONF=SimpleNamespace(
            register_opts=lambda options, group: None,
            auth=SimpleNamespace(enable=False, service_token_ttl=86400),
            coordination=SimpleNamespace(url=None),
            stream=SimpleNamespace(host=stream.hostname, port=stream.port),
            system_user=SimpleNamespace(user="stanley"))))
    _provide("st2common.services.access", create_token=None)
    _provide("st2common.util.api", get_full_public_api_url=lambda: api_url)
    _provide("st2common.util.date",
             get_datetime_utc_now=lambda: datetime.now(timezone.utc))


def _option(name: str, default: Any) -> None:
    """Declare an option of st2.conf, in place of oslo_config."""


def _provide(name: str, **content: Any) -> None:
    parent, _, child = name.rpartition(".")
    if parent:
        try:
            importlib.import_module(parent)
        except ModuleNotFoundError:
            _provide(parent)
    module = types.ModuleType(name)
    module.__path__ = []
    vars(module).update(content)
    sys.modules[name] = module
    if parent:
        setattr(sys.modules[parent], child, module)
