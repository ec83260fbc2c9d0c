"""Checks what clients send, strictly typed, and refuses it in HipChat's words."""

from typing import Any, Dict

from flask import request
from jsonschema import Draft4Validator, ValidationError

from sandbox.hipchat_server.errors import ApiError

WHOLE_BODY = "<obj>"
BOOLEANS = {"true": True, "false": False}

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
    if not request.is_json:
        raise ApiError(400, f"Invalid content type: {request.mimetype or None}")
    return validate(_booleans(request.get_json(), schema), schema)


def form_or_json_body(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request's fields, which may come as a form too.

    A form has only strings, so that a boolean in it was always refused.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return json_body(schema)
    return validate(dict(request.form), schema)


def _booleans(value: Any, schema: Dict[str, Any]) -> Any:
    """Take "true" for true, as servers of 2017 did, and those of 2015 did not."""
    if not isinstance(value, dict):
        return value
    return {name: BOOLEANS.get(field, field) if isinstance(field, str) and
            "boolean" in schema["properties"].get(name, {}).get("type", ()) else field
            for name, field in value.items()}


def validate(value: Any, schema: Dict[str, Any]) -> Any:
    """Return `value` if it is as `schema` says, else raise HipChat's 400."""
    for error in Draft4Validator(schema).iter_errors(value):
        raise refusal(error)
    return value


def refusal(error: ValidationError) -> ApiError:
    """Put a validation error into HipChat's words."""
    field, value = ".".join(map(str, error.path)) or WHOLE_BODY, error.instance
    kind, limit = str(error.validator), error.validator_value
    details: Dict[str, Any] = {"validation": kind}
    if kind == "required" and isinstance(limit, list) and isinstance(value, dict):
        field = next(name for name in limit if name not in value)
        value = None
    if kind in ("type", "anyOf"):
        details["expected_type"] = limit
    words = WORDS[kind] % {
        "field": field, "value": python2(value), "limit": python2_list(limit)}
    return ApiError(400, words, field=field, value=value, **details)


def python2(value: Any) -> str:
    """Write a value as HipChat's Python 2 did."""
    return f"u{value!r}" if isinstance(value, str) else repr(value)


def python2_list(value: Any) -> str:
    """Write a list as HipChat's Python 2 did, anything else plainly."""
    return f"[{', '.join(map(python2, value))}]" if isinstance(value, (list, tuple)) else value
