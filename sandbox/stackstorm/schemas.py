"""StackStorm's dialect of JSON schema: draft 4, with `required` as a boolean of a property."""

import copy
from typing import Any, Dict, Iterable

import jsonschema
from jsonschema.exceptions import best_match

from sandbox.stackstorm.errors import Invalid

ANY_TYPE = {"type": ["array", "boolean", "integer", "number", "object", "string"]}


def _nothing(*_: Any) -> Iterable[Any]:
    return ()


# StackStorm ignores draft 4's list of required names.
_Validator = jsonschema.validators.extend(jsonschema.Draft4Validator, {
    "properties": jsonschema.Draft3Validator.VALIDATORS["properties"],
    "required": _nothing,
})


class Schema:
    """A schema as StackStorm applies it: it adds defaults, and optional values may be null."""

    def __init__(self, schema: Dict[str, Any]):
        self._schema = _nullable(schema)
        self._validator = _Validator(self._schema)

    @classmethod
    def of_parameters(cls, parameters: Dict[str, Any], additional: bool = False) -> "Schema":
        """Return the schema of an object with these properties."""
        properties = {name: schema or ANY_TYPE for name, schema in parameters.items()}
        return cls({"type": "object", "properties": properties,
                    "additionalProperties": additional})

    def clean(self, instance: Any) -> Any:
        """Return a copy of an instance with its defaults; raise Invalid if it does not fit."""
        instance = _with_defaults(copy.deepcopy(instance), self._schema)
        error = best_match(self._validator.iter_errors(instance))
        if error is None:
            return instance
        # The path of an error about `required` ends with that keyword.
        path = [str(step) for step in error.absolute_path if step != "required"]
        raise Invalid(".".join(path) + ": " + error.message if path else error.message)


def _with_defaults(instance: Any, schema: Dict[str, Any]) -> Any:
    if isinstance(instance, dict):
        for name, schema in schema.get("properties", {}).items():
            if instance.get(name) is None and "default" in schema:
                instance[name] = copy.deepcopy(schema["default"])
            if name in instance:
                _with_defaults(instance[name], schema)
    elif isinstance(instance, list) and isinstance(schema.get("items"), dict):
        for item in instance:
            _with_defaults(item, schema["items"])
    return instance


def _nullable(schema: Dict[str, Any]) -> Dict[str, Any]:
    if "properties" not in schema:
        return schema
    properties = {name: _nullable_property(each) for name, each in schema["properties"].items()}
    return dict(schema, properties=properties)


def _nullable_property(schema: Dict[str, Any]) -> Dict[str, Any]:
    schema = _nullable(schema)
    if isinstance(schema.get("items"), dict):
        schema = dict(schema, items=_nullable(schema["items"]))
    required = schema.get("required", False) and "default" not in schema
    if required or schema.get("default") is not None:
        return schema
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return dict(schema, **{choice: schema[choice] + [{"type": "null"}]})
    # For StackStorm, a property without a type is a string.
    types = schema.get("type", "string")
    types = types if isinstance(types, list) else [types]
    return dict(schema, type=types if "null" in types else types + ["null"])
