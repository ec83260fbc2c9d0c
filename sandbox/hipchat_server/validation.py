"""Checks the bodies of requests against their schemas; errors have HipChat's wording."""

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
    # HipChat sent this template without filling it in.
    "anyOf": "Value {value!r} is not of type {expected_type!r}",
}


def json_body(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request's JSON object; raise HipChat's 400 if it does not fit the schema."""
    if not request.content_length and "required" not in schema:
        return {}
    if not request.is_json:
        raise ApiError(400, f"Invalid content type: {request.mimetype or None}")
    return validate(_booleans(request.get_json(), schema), schema)


def form_or_json_body(schema: Dict[str, Any]) -> Dict[str, Any]:
    """Return the request's fields, from JSON or from a form.

    A form holds only strings, so a boolean field in it is always refused.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return json_body(schema)
    return validate(dict(request.form), schema)


def _booleans(value: Any, schema: Dict[str, Any]) -> Any:
    """Return the object with "true" replaced by true, as HipChat servers read it since 2017."""
    if not isinstance(value, dict):
        return value
    return {name: BOOLEANS.get(field, field) if isinstance(field, str) and
            "boolean" in schema["properties"].get(name, {}).get("type", ()) else field
            for name, field in value.items()}


def validate(value: Any, schema: Dict[str, Any]) -> Any:
    """Return a value, or raise HipChat's 400 if it does not fit the schema."""
    for error in Draft4Validator(schema).iter_errors(value):
        raise refusal(error)
    return value


def refusal(error: ValidationError) -> ApiError:
    """Return HipChat's error for a validation error."""
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
    """Return a value as HipChat's Python 2 wrote it."""
    return f"u{value!r}" if isinstance(value, str) else repr(value)


def python2_list(value: Any) -> str:
    """Return a list as HipChat's Python 2 wrote it, and other values unchanged."""
    return f"[{', '.join(map(python2, value))}]" if isinstance(value, (list, tuple)) else value
