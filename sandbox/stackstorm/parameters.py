"""Renders, casts and checks action parameters, and fills in defaults, as StackStorm does."""

import ast
import json
from typing import Any, Callable, Dict, Optional, Set

from sandbox.stackstorm import templates
from sandbox.stackstorm.errors import Invalid, Unsupported
from sandbox.stackstorm.schemas import Schema

Values = Dict[str, Any]


def prepare(given: Values, schemas: Dict[str, Values], context: Values) -> Values:
    """Return the value of every parameter that has a schema.

    Args:
        given: the values, which may contain templates, also of other values and of defaults.
        schemas: the parameters' schemas.
        context: further names for templates, such as {"trigger": payload}. Values from an
            Unknown datastore are neither cast nor checked.

    Raises:
        Invalid: StackStorm rejects the parameters.
    """
    _refuse_overrides(given, schemas)
    if "st2kv" in context:
        schemas = {name: {} if "st2kv" in (templates.variables(given.get(name)) or ()) else schema
                   for name, schema in schemas.items()}
    rendered = _Rendering(given, schemas, context)
    live = {name: cast(rendered[name], name, schemas) for name in given}
    for name, schema in schemas.items():
        if name not in live and templates.variables(schema.get("default")) is not None:
            live[name] = cast(rendered[name], name, schemas)
    Schema.of_parameters(schemas).clean(live)
    return {name: _final(live, rendered, name, schemas) for name in schemas}


def _refuse_overrides(given: Values, schemas: Dict[str, Values]) -> None:
    for name in given:
        if schemas.get(name, {}).get("immutable"):
            raise Invalid(f"parameter {name!r} is immutable")


def _final(live: Values, rendered: "_Rendering", name: str, schemas: Dict[str, Values]) -> Any:
    value = live.get(name)
    return cast(rendered.default(name) if value is None else value, name, schemas)


class _Rendering:
    """Renders each value when it is first used, so that templates can use each other."""

    def __init__(self, given: Values, schemas: Dict[str, Values], context: Values):
        self._defaults = {name: schema.get("default") for name, schema in schemas.items()}
        self._sources = {**self._defaults,
                         **{name: value for name, value in given.items() if value is not None}}
        self._done = dict(context)
        self._in_progress: Set[str] = set()
        for name in given:
            self._sources.setdefault(name)

    def __getitem__(self, name: str) -> Any:
        if name not in self._done:
            self._done[name] = self._render(name, self._source(name))
        return self._done[name]

    def default(self, name: str) -> Any:
        return self._render(name, self._defaults[name])

    def _source(self, name: str) -> Any:
        if name == "st2kv":
            raise Unsupported("the sandbox has no datastore for 'st2kv'")
        if name not in self._sources:
            raise Invalid(f"'{name}' is undefined")
        return self._sources[name]

    def _render(self, name: str, source: Any) -> Any:
        names = templates.variables(source)
        if names is None:
            return source
        if name in self._in_progress:
            raise Invalid(f"parameter {name!r} refers to itself")
        self._in_progress.add(name)
        try:
            return templates.render(source, {each: self[each] for each in names})
        except Invalid:
            raise
        except Exception as error:
            raise Invalid(f"cannot render parameter {name!r}: {error}")
        finally:
            self._in_progress.discard(name)


def cast(value: Any, name: str, schemas: Dict[str, Values]) -> Any:
    """Return a value in the type of its parameter; raise Invalid."""
    caster = _CASTS.get(schemas.get(name, {}).get("type"))
    if value is None or caster is None:
        return value
    try:
        return caster(None if value == templates.NONE else value)
    except Exception as error:
        raise Invalid(f"parameter {name!r}: cannot take {value!r}: {error}")


def _structure(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return ast.literal_eval(value)


def _boolean(value: Any) -> Any:
    return ast.literal_eval(value.capitalize()) if isinstance(value, str) else value


def _string(value: Any) -> Optional[str]:
    if value is not None and not isinstance(value, str):
        raise TypeError("it is not a string")
    return value


_CASTS: Dict[Any, Callable[[Any], Any]] = {
    "array": _structure, "object": _structure, "boolean": _boolean, "integer": int,
    "number": float, "string": _string,
}
