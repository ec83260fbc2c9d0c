"""Checks a pack's config against its schema, and fills in the defaults."""

import copy
from typing import Any, Dict

from sandbox.stackstorm.schemas import Schema


def complete(values: Dict[str, Any], schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return a config with its defaults; raise Invalid, which names the key."""
    return _with_defaults(Schema.of_parameters(schema, additional=True).clean(values), schema)


def _with_defaults(values: Dict[str, Any], schema: Dict[str, Any]) -> Dict[str, Any]:
    for key, item in schema.items():
        if "default" in item:
            values.setdefault(key, copy.deepcopy(item["default"]))
        # StackStorm adds missing objects, with their defaults.
        if item.get("type") == "object" and item.get("properties"):
            values[key] = _with_defaults(values.get(key) or {}, item["properties"])
        elif item.get("type") == "array" and item.get("items"):
            values[key] = values.get(key) or []
    return values
