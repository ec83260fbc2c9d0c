"""The part of StackStorm's datastore that the pack uses."""

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Optional

from sandbox.stackstorm.errors import NotFound, Unsupported

FULL_SYSTEM_SCOPE = "st2kv.system"
REFERENCE = re.compile(r"\s*{{\s*st2kv\.system\.(\w+)\s*}}\s*")


class CryptoKeyNotSetupException(Exception):
    """StackStorm has no key for the encryption of secrets."""


@dataclass
class Pair:
    """A key of the datastore, with its value."""

    name: str
    value: str


class Pairs:
    """The result of KeyValuePair.query: the pairs of some keys that have a value."""

    def __init__(self, datastore: "Datastore", names: Iterable[str]):
        self._datastore, self._names = datastore, list(names)

    def __iter__(self) -> Iterator[Pair]:
        values = self._datastore.values
        return iter([Pair(name, values[name]) for name in self._names if name in values])

    def update_one(self, upsert: bool, set__value: str, **others: Any) -> None:
        """Store a value, as mongoengine's query does."""
        self._datastore.add_or_update(Pair(self._names[0], set__value))

    def delete(self) -> None:
        """Remove the keys."""
        for pair in self:
            self._datastore.delete(pair)


class Datastore:
    """Values by their keys. They are not encrypted in the sandbox.

    Args:
        file: the file in which they are stored; in memory only if None.
        has_encryption_key: without one, the datastore accepts no secrets.
    """

    def __init__(self, file: Optional[Path] = None, has_encryption_key: bool = True):
        self._file, self._has_encryption_key = file, has_encryption_key
        self.values: Dict[str, str] = {}
        if file and file.exists():
            self.values = json.loads(file.read_text("utf-8"))

    def set_secret(self, pack_name: str, key_name: str, value: str, secret: bool) -> None:
        """Store a secret (set_datastore_value_for_config_key)."""
        if not secret:
            raise Unsupported("the sandbox's config refers to secrets only")
        if not self._has_encryption_key:
            raise CryptoKeyNotSetupException("Crypto key not found.")
        self.add_or_update(Pair(key_name, value))

    def get_by_scope_and_name(self, scope: str, name: str) -> Pair:
        """Return a pair (KeyValuePair.get_by_scope_and_name)."""
        if name not in self.values:
            raise NotFound(f"there is no {name}")
        return Pair(name, self.values[name])

    def add_or_update(self, pair: Pair) -> None:
        """Store a pair (KeyValuePair.add_or_update)."""
        self.values[pair.name] = pair.value
        self._write()

    def delete(self, pair: Pair) -> None:
        """Delete a pair (KeyValuePair.delete)."""
        self.values.pop(pair.name, None)
        self._write()

    def resolved(self, config: Dict[str, Any], schema: Dict[str, Any]) -> Dict[str, Any]:
        """Return a config with its references resolved, unknown ones to null."""
        return {key: self._value(key, value, schema.get(key) or {})
                for key, value in config.items()}

    def _value(self, path: str, value: Any, schema: Dict[str, Any]) -> Any:
        if isinstance(value, dict):
            own, others = schema.get("properties") or {}, schema.get("additionalProperties")
            return {key: self._value(f"{path}.{key}", each,
                                     own.get(key) or (others if isinstance(others, dict) else {}))
                    for key, each in value.items()}
        if isinstance(value, list):
            return [self._value(f"{path}[{index}]", each, {})
                    for index, each in enumerate(value)]
        if not isinstance(value, str) or "{{" not in value:
            return copy.deepcopy(value)
        reference = REFERENCE.fullmatch(value)
        if not reference or not schema.get("secret"):
            raise Unsupported(f"config.{path} is {value!r}: the sandbox resolves nothing but "
                          "{{ st2kv.system.KEY }}, where the schema says secret")
        return self.values.get(reference.group(1))

    def _write(self) -> None:
        if self._file:
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(self.values), "utf-8")
            new.replace(self._file)
