"""The pack config: checked against config.schema.yaml, completed with its defaults."""

import copy
from typing import Any, Dict

from sandbox.stackstorm.schemas import Schema


def complete(values: Dict[str, Any], schema: Dict[str, Any]) -> Dict[str, Any]:
    """The config with its defaults, its references unresolved; raises Invalid, naming the key."""
    return _with_defaults(Schema.of_parameters(schema, additional=True).clean(values), schema)


def _with_defaults(values: Dict[str, Any], schema: Dict[str, Any]) -> Dict[str, Any]:
    for key, item in schema.items():
        if "default" in item:
            values.setdefault(key, copy.deepcopy(item["default"]))
        # The platform makes objects that the config leaves out, so as to hold their defaults.
        if item.get("type") == "object" and item.get("properties"):
            values[key] = _with_defaults(values.get(key) or {}, item["properties"])
        elif item.get("type") == "array" and item.get("items"):
            values[key] = values.get(key) or []
    return values
