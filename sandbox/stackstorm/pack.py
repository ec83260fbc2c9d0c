"""Reads a pack's YAML files."""

import copy
import functools
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

import yaml

from sandbox.stackstorm import config
from sandbox.stackstorm.datastore import Datastore
from sandbox.stackstorm.errors import Invalid, Unsupported

# The same loader in C, where PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Pack:
    """The content of a pack's YAML files, and its config.

    Attributes:
        registered: the config as it was registered; None before that.
        complete: the registered config with its defaults.
        schema: the config's schema in the pack.
    """

    ref: str
    path: Path
    schema: Dict[str, Any]
    datastore: Datastore
    registered: Optional[Dict[str, Any]]
    complete: Dict[str, Any]
    sensors: List[Dict[str, Any]]
    actions: List[Dict[str, Any]]
    rules: List[Dict[str, Any]]
    aliases: List[Dict[str, Any]]

    def register(self, values: Dict[str, Any]) -> None:
        """Register a config; raise Invalid if it does not fit the pack's schema."""
        complete = config.complete(copy.deepcopy(values), self.schema)
        self.datastore.resolved(complete, self.schema)
        self.complete, self.registered = complete, values

    @property
    def config(self) -> Dict[str, Any]:
        """The config as sensor and actions get it, with the datastore's current values."""
        return self.datastore.resolved(self.complete, self.schema)


def load(path: Path, config_file: Optional[Path], datastore: Optional[Datastore] = None) -> Pack:
    """Read a pack.

    Args:
        path: its directory.
        config_file: its config; None for a pack whose config is not registered yet.
        datastore: the datastore to which the config's references refer.

    Raises:
        Invalid: a file is wrong; the text names it.
    """
    about = read(path / "pack.yaml")
    ref = about.get("ref") or about["name"]
    schema = read(path / "config.schema.yaml", missing={})
    pack = Pack(ref, path, schema, datastore or Datastore(), None, {}, *(
        _resources(path / kind, ref) for kind in ("sensors", "actions", "rules", "aliases")))
    if config_file:
        try:
            pack.register(read(config_file))
        except Invalid as error:
            raise type(error)(f"{config_file}: {error}")
    if len(pack.sensors) > 1:
        raise Unsupported(f"the sandbox runs one sensor, the pack has {len(pack.sensors)}")
    return pack


def read(file: Path, missing: Any = None) -> Dict[str, Any]:
    """Return the mapping in a YAML file; raise Invalid if the file contains anything else."""
    if missing is not None and not file.exists():
        return missing
    try:
        content = pickle.loads(_parsed(file.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(f"cannot read {file}: {error}")
    if not isinstance(content, dict):
        raise Invalid(f"{file} does not contain a mapping")
    return content


@functools.lru_cache(maxsize=None)
def _parsed(text: str) -> bytes:
    """Return a YAML document, pickled: each text is parsed once per process."""
    return pickle.dumps(yaml.load(text, Loader=LOADER))


def _resources(directory: Path, pack: str) -> List[Dict[str, Any]]:
    resources = []
    for file in sorted(directory.glob("*.yaml")):
        resource = dict({"pack": pack}, **read(file))
        if resource["pack"] != pack:
            raise Invalid(f"{file}: pack is {resource['pack']!r}, expected {pack!r}")
        resources.append(resource)
    return resources
