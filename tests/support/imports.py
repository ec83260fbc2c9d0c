"""Modules that a test replaces."""
import contextlib
import sys
from unittest import mock


@contextlib.contextmanager
def restored_modules():
    """Undo the changes to sys.modules at the end, and those to the attributes of packages.

    A module is also an attribute of its package. If a package of StackStorm is installed and stays
    imported, the sandbox's module would stay in it for the tests that follow.
    """
    before = dict(sys.modules)
    with mock.patch.dict(sys.modules):
        try:
            yield
        finally:
            for name, module in list(sys.modules.items()):
                package, _, child = name.rpartition(".")
                if package not in before or module is before.get(name):
                    continue
                if name in before:
                    setattr(before[package], child, before[name])
                else:
                    vars(before[package]).pop(child, None)
