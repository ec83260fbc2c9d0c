"""Loads the class of a sensor or an action from its file."""

import inspect
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Tuple, Type


def load_class(file: Path, bases: Tuple[Type, ...], name: str = "") -> Type:
    """Return a class of a file.

    Args:
        file: the Python file.
        bases: the class extends one of these.
        name: its name; "" for the only such class in the file.

    Raises:
        ImportError: the file has no such class.
    """
    found = [each for each_name, each in inspect.getmembers(_load(file), inspect.isclass)
             if issubclass(each, bases) and not inspect.isabstract(each) and
             (each_name == name if name else each.__module__ == file.stem)]
    if not found:
        kinds = " or ".join(base.__name__ for base in bases)
        raise ImportError(f"{file} has no {name or 'class'} that extends {kinds} and implements "
                          "all of its abstract methods")
    return found[0]


def add_to_path(directory: Path, first: bool = False) -> None:
    """Add a directory to Python's module path."""
    if str(directory) not in sys.path:
        sys.path.insert(0 if first else len(sys.path), str(directory))


def _load(file: Path) -> ModuleType:
    # As in StackStorm, a plug-in can import modules of its own directory only.
    add_to_path(file.parent.resolve())
    loader = SourceFileLoader(file.stem, str(file))
    module = ModuleType(file.stem)
    module.__file__, module.__loader__ = str(file), loader
    loader.exec_module(module)
    return module
