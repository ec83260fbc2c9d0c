"""Checks what clients send, strictly typed, and refuses it in HipChat's words."""

import json
from typing import Any, Dict

from flask import request
from jsonschema import Draft4Validator, ValidationError

from sandbox.hipchat_server.errors import ApiError

WHOLE_BODY = "<obj>"

WORDS = {
    "type": "Value %(value)s for field '%(field)s' is not of type '%(limit)s'",
    "enum": "Value %(value)s for field '%(field)s' is not in the enumeration: %(limit)s",
    "required": "Required field '%(field)s' is missing",
    "minLength": "Value %(value)s for field '%(field)s' must have length greater than or "
                 "equal to %(limit)s",
    "maxLength": "Value %(value)s for field '%(field)s' must have length less than or "
                 "equal to %(limit)s",
    "pattern": "Value %(value)s for field '%(field)s' does not match regular expression "
               "'%(limit)s'",
    "additionalProperties": "Value %(value)s for field '%(field)s' contains additional property",
    # HipChat never filled this template in.
    "anyOf": "Value {value!r} is not of type {expected_type!r}",
}


def json_body(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request's JSON object if it is as `schema` says."""
    if not request.content_length and "required" not in schema:
        return {}
    # A body of another content type counts as none, which is not an object.
    return validate(request.get_json() if request.is_json else None, schema)


def form_or_json_body(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request's fields, which may come as a form too."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return json_body(schema)
    strings = dict(request.form)
    # A form has only strings; fields of other types are what they spell.
    spelt = {name: _spelt(value) for name, value in strings.items()
             if schema["properties"].get(name, {}).get("type") != "string"}
    return validate({**strings, **spelt}, schema)


def _spelt(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def validate(value: Any, schema: Dict[str, Any]) -> Any:
    """Return `value` if it is as `schema` says, else raise HipChat's 400."""
    for error in Draft4Validator(schema).iter_errors(value):
        raise refusal(error)
    return value


def refusal(error: ValidationError) -> ApiError:
    """Put a validation error into HipChat's words."""
    field, value = ".".join(map(str, error.path)) or WHOLE_BODY, error.instance
    details = {"validation": error.validator}
    if error.validator == "required":
        field = next(name for name in error.validator_value if name not in error.instance)
        value = None
    if error.validator in ("type", "anyOf"):
        details["expected_type"] = error.validator_value
    words = WORDS[error.validator] % {
        "field": field, "value": python2(value), "limit": python2_list(error.validator_value)}
    return ApiError(400, words, field=field, value=value, **details)


def python2(value: Any) -> str:
    """Write a value as HipChat's Python 2 did."""
    return "u%r" % value if isinstance(value, str) else repr(value)


def python2_list(value: Any) -> str:
    """Write a list as HipChat's Python 2 did, anything else plainly."""
    return "[%s]" % ", ".join(map(python2, value)) if isinstance(value, (list, tuple)) else value
