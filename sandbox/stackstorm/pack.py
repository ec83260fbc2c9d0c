"""A pack as it lies on disk: its YAML files, read and checked."""

import copy
import functools
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

import yaml

from sandbox.stackstorm import config
from sandbox.stackstorm.datastore import Datastore
from sandbox.stackstorm.errors import Invalid, Refused

# The same loader in C, where PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Pack:
    """What the YAML files of a pack say, and its config.

    registered: the config as it was registered, None if it was not yet; complete: the same with
    its defaults. schema: of the config, as it stands in the pack.
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
        """Take a config; raises Invalid if the pack's schema forbids it."""
        complete = config.complete(copy.deepcopy(values), self.schema)
        self.datastore.resolved(complete, self.schema)
        self.complete, self.registered = complete, values

    @property
    def config(self) -> Dict[str, Any]:
        """The config as sensor and actions get it, with what the datastore has of it just now."""
        return self.datastore.resolved(self.complete, self.schema)


def load(path: Path, config_file: Optional[Path], datastore: Optional[Datastore] = None) -> Pack:
    """Read the pack in this directory; raises Invalid, naming the file.

    Without a config it is as one that StackStorm has not registered yet.
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
        raise Refused(f"the sandbox runs one sensor, the pack has {len(pack.sensors)}")
    return pack


def read(file: Path, missing: Any = None) -> Dict[str, Any]:
    """The one YAML document in a file; raises Invalid unless it is a mapping."""
    if missing is not None and not file.exists():
        return missing
    try:
        content = pickle.loads(_parsed(file.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(f"cannot read {file}: {error}")
    if not isinstance(content, dict):
        raise Invalid(f"{file} does not hold a mapping")
    return content


@functools.lru_cache(maxsize=None)
def _parsed(text: str) -> bytes:
    """The document, pickled: a process that reads a pack many times parses each text once."""
    return pickle.dumps(yaml.load(text, Loader=LOADER))


def _resources(directory: Path, pack: str) -> List[Dict[str, Any]]:
    resources = []
    for file in sorted(directory.glob("*.yaml")):
        resource = dict({"pack": pack}, **read(file))
        if resource["pack"] != pack:
            raise Invalid(f"{file}: pack is {resource['pack']!r}, expected {pack!r}")
        resources.append(resource)
    return resources
