"""Puts in place of StackStorm's modules what packs import from them."""

import importlib
import sys
import types
from functools import partial
from typing import Any

from sandbox.stackstorm import base_classes
from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.dispatcher import TraceContext, TriggerDispatcherService
from sandbox.stackstorm.triggers import Triggers


def install_base_classes() -> None:
    """Supply the base classes of sensors and actions, unless StackStorm is installed."""
    try:
        importlib.import_module("st2reactor.sensor.base")
        importlib.import_module("st2common.runners.base_action")
    except ModuleNotFoundError:
        _provide("st2reactor.sensor.base",
                 Sensor=base_classes.Sensor, PollingSensor=base_classes.PollingSensor)
        _provide("st2common.runners.base_action", Action=base_classes.Action)


def install_services(triggers: Triggers, broker: Broker) -> None:
    """Supply the services a sensor can import; StackStorm's own need its broker and database."""
    _provide("st2common.services.trigger_dispatcher",
             TriggerDispatcherService=partial(TriggerDispatcherService, triggers, broker))
    _provide("st2common.models.api.trace", TraceContext=TraceContext)
    _provide("st2common.persistence.trigger", Trigger=triggers)
    _provide("st2common.models.api.trigger",
             TriggerAPI=types.SimpleNamespace(from_model=lambda trigger: trigger))


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
