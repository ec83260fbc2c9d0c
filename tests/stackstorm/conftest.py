"""Fixtures for the modules of sensors/stackstorm, which import StackStorm's code."""
import importlib
import sys

import pytest
from support.imports import restored_modules

from sandbox.stackstorm import platform_modules
from sandbox.stackstorm.database import Database


@pytest.fixture
def load():
    """Import a module of sensors/stackstorm, and give it the sandbox's triggers and broker."""
    def load(module_name, triggers, broker, pack=None):
        platform_modules.install_services(triggers, broker, Database(triggers, broker, pack=pack),
                                          "http://127.0.0.1:9101/v1")
        for name in [name for name in sys.modules if name.startswith("stackstorm.")]:
            del sys.modules[name]
        return importlib.import_module("stackstorm." + module_name)

    with restored_modules():
        yield load
