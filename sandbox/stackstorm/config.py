"""The pack config: checked against config.schema.yaml, completed with its defaults."""

import copy
from typing import Any, Dict

from sandbox.stackstorm.errors import Refused
from sandbox.stackstorm.schemas import Schema


def complete(values: Dict[str, Any], schema: Dict[str, Any]) -> Dict[str, Any]:
    """The config as sensor and actions get it; raises Invalid, naming the key."""
    _refuse_expressions(values, "config")
    return _with_defaults(Schema.of_parameters(schema, additional=True).clean(values), schema)


def _refuse_expressions(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_expressions(item, "{}.{}".format(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_expressions(item, "{}[{}]".format(path, index))
    elif isinstance(value, str) and "{{" in value:
        raise Refused("{} refers to the datastore, which the sandbox has not: "
                      "write the value itself".format(path))


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
