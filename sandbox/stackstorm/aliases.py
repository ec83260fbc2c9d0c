"""Action aliases: finds the alias that a command matches, and the command's parameters."""

import re
from typing import Any, Dict, Iterator, Optional, Tuple

import jinja2
from werkzeug.exceptions import NotFound

from sandbox.stackstorm import templates
from sandbox.stackstorm.actions import Actions, Execution
from sandbox.stackstorm.errors import Invalid, Unsupported
from sandbox.stackstorm.format_language import read_command, read_format
from sandbox.stackstorm.ids import new_id
from sandbox.stackstorm.schemas import Schema

Alias = Dict[str, Any]
Values = Dict[str, Any]

_TEXT, _BOOLEAN = {"type": "string"}, {"type": "boolean"}
_MESSAGE: Dict[str, Any] = {"type": "object", "properties": {
    "enabled": _BOOLEAN, "format": _TEXT, "extra": {"type": "object"}}}
_SCHEMA = Schema({
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "required": True},
        "pack": {"type": "string", "required": True},
        "action_ref": {"type": "string", "required": True},
        "description": _TEXT, "metadata_file": _TEXT,
        "enabled": {"type": "boolean", "default": True},
        "formats": {"type": "array", "required": True, "items": {"anyOf": [_TEXT, {
            "type": "object", "properties": {
                "display": _TEXT, "representation": {"type": "array", "items": _TEXT}}}]}},
        "ack": dict(_MESSAGE, properties=dict(_MESSAGE["properties"], append_url=_BOOLEAN)),
        "result": _MESSAGE, "extra": {"type": "object"}, "immutable_parameters": {"type": "object"},
    },
})


class Aliases:
    """All aliases, by ref."""

    def __init__(self, actions: Actions):
        self._actions = actions
        self._aliases: Dict[str, Alias] = {}

    def __iter__(self) -> Iterator[Alias]:
        return iter(list(self._aliases.values()))

    def put(self, definition: Dict[str, Any]) -> Alias:
        """Create or replace an alias; raise Invalid."""
        alias = checked(definition)
        if alias.get("immutable_parameters"):
            raise Unsupported(f"alias {alias['ref']!r}: the sandbox does not support "
                              "immutable_parameters")
        self._aliases[alias["ref"]] = alias
        return alias

    def match(self, command: str) -> Dict[str, Any]:
        """Return the only alias and format that a command matches; raise Invalid."""
        found = [(alias, display, format) for alias in self if alias["enabled"]
                 for display, format in representations(alias)
                 if parameters_in(format, command) is not None]
        if len(found) != 1:
            count = "more than 1 pattern" if found else "no patterns"
            raise Invalid(f"Command '{command}' matched {count}")
        alias, display, format = found[0]
        return {"actionalias": alias, "display": display, "representation": format}

    def execute(self, name: str, format: str, command: str, user: str, source_channel: str,
                notification_route: Optional[str] = None,
                source_context: Optional[Values] = None) -> Dict[str, Any]:
        """Start a command's action.

        Args:
            name: the alias.
            format: the alias's format that the command matches.
            command: the command.
            user, source_channel, source_context: the person, and the room.
            notification_route: the route of the notify trigger.

        Returns: the execution, the alias, and the acknowledgement's message and extra.

        Raises:
            NotFound, Invalid: StackStorm rejects the command.
        """
        named = [each for each in self if each["name"] == name]
        if len(named) != 1:
            raise NotFound(f"Unable to identify action alias with name \"{name}\".")
        alias = named[0]
        if not alias["enabled"]:
            raise Invalid(f"Action alias with name \"{name}\" is disabled.")
        data = {"user": user, "source_channel": source_channel, "source_context": source_context}
        execution = self._actions.request(
            alias["action_ref"], self.parameters(alias, format, command), {
                "context": {"action_alias_ref": {"id": alias["id"], "name": name},
                            "api_user": user, "source_channel": source_channel},
                "liveaction": {"notify": {"on-complete": {
                    "routes": [notification_route], "data": _literal(data)}}}})
        return {"execution": execution, "actionalias": alias,
                **acknowledgement(alias, execution)}

    def parameters(self, alias: Alias, format: str, command: str) -> Values:
        """Return the parameters that the action gets from a command; raise Invalid."""
        if format not in [each for _, each in representations(alias)]:
            raise Invalid(f"Format string \"{format}\" is not available on the alias "
                          f"\"{alias['name']}\"")
        values = parameters_in(format, command)
        if values is None:
            raise Invalid(f"Command \"{command}\" doesn't match format string \"{format}\"")
        action = self._actions.definition(alias["action_ref"])
        return typed(action.get("parameters") or {}, _literal(values))


def checked(definition: Dict[str, Any]) -> Alias:
    """Return an alias as StackStorm registers it; raise Invalid."""
    try:
        alias = _SCHEMA.clean(definition)
    except Invalid as error:
        raise type(error)(f"alias {definition.get('name')!r}: {error}")
    return dict(alias, id=new_id(), ref="{pack}.{name}".format_map(alias))


def typed(schemas: Dict[str, Any], values: Values) -> Values:
    """Return a command's values; values for lists are split at their commas.

    Raises:
        Invalid: a list or a number has no value, on which StackStorm fails.
    """
    types = {name: (schemas.get(name) or {}).get("type") for name in values}
    for name, value in values.items():
        if value is None and types[name] in ("array", "integer", "number"):
            raise Invalid(f"StackStorm fails: the command has no {name}, "
                          f"which is of type {types[name]}")
    return {name: [part.strip() for part in value.split(",")] if types[name] == "array" else value
            for name, value in values.items()}


def representations(alias: Alias) -> Iterator[Tuple[str, str]]:
    """Yield the display and the text of each representation."""
    for each in alias["formats"]:
        if isinstance(each, str):
            each = {"display": each, "representation": [each]}
        if each.get("match_multiple"):
            raise Unsupported(f"alias {alias['ref']!r}: the sandbox does not support "
                              "match_multiple")
        for representation in each.get("representation") or []:
            yield each.get("display") or representation, representation


def parameters_in(format: str, command: str) -> Optional[Values]:
    """Return the values that a format extracts from a command in the format's case.

    Returns:
        None if the command does not match.

    Raises:
        Invalid: StackStorm fails on such a format.
    """
    try:
        expression, parted = read_format(format), read_command(command)
    except re.error as error:
        raise Invalid(f"the format {format!r} is no regular expression: {error}") from None
    if expression.problem:
        raise Invalid(f"StackStorm fails on the format {format!r}: {expression.problem}")
    found = re.search(expression.source, parted.text, re.DOTALL)
    return expression.values(found, parted) if found else None


def acknowledgement(alias: Alias, execution: Execution) -> Values:
    """Return the message and extra that StackStorm renders from an alias's ack.

    Raises:
        Invalid: a template fails for another reason than an undefined name. StackStorm has then
            started the execution, and answers 500.
    """
    ack = alias.get("ack") or {}
    found: Values = {"execution": execution, "actionalias": alias}
    for name, key in (("message", "format"), ("extra", "extra")):
        if key not in ack:
            continue
        try:
            rendered = templates.render_values({name: ack[key]} if key == "format" else ack[key],
                                               found)
            found[name] = rendered[name] if key == "format" else rendered
        except jinja2.UndefinedError as error:
            found[name] = f'Cannot render "{key}" in field "ack" for alias. {error}'
        except Exception as error:
            raise Invalid(f"alias {alias['ref']!r}: StackStorm runs the command and cannot render "
                          f"its ack.{key}: {error}")
    return {name: found[name] for name in ("message", "extra") if name in found}


def _literal(values: Values) -> Values:
    """Return the values; raise Unsupported for templates, which StackStorm would evaluate."""
    for value in values.values():
        if any(mark in str(value) for mark in ("{{", "{%")):
            raise Unsupported(f"the sandbox does not support templates in a command: {value!r}")
    return values
