"""Action aliases: which one a command is for, and what it makes of it."""

import re
from typing import Any, Dict, Iterator, List, Optional, Tuple

from sandbox.stackstorm import templates
from sandbox.stackstorm.actions import Actions, Execution
from sandbox.stackstorm.errors import Invalid, Refused
from sandbox.stackstorm.ids import new_id
from sandbox.stackstorm.schemas import Schema

Alias = Dict[str, Any]
Values = Dict[str, Any]

_TEXT = {"type": "string"}
_SCHEMA = Schema({
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "required": True},
        "pack": {"type": "string", "required": True},
        "action_ref": {"type": "string", "required": True},
        "description": _TEXT, "metadata_file": _TEXT,
        "enabled": {"type": "boolean", "default": True},
        "formats": {"type": "array", "required": True,
                    "items": {"anyOf": [_TEXT, {"type": "object"}]}},
        "ack": {"type": "object"}, "result": {"type": "object"}, "extra": {"type": "object"},
        "immutable_parameters": {"type": "object"},
    },
})
_VALUE = r"\"\"|''|\"(?:.+?)\"|'(?:.+?)'|\{.+?\}|"
_PLACE = re.compile(r"(\s*)\{\{\s*(\S+?)\s*(?:=\s*(" + _VALUE + r".+?)\s*)?\}\}")
_PAIR = re.compile(r"\s+(\S+?)\s*=(" + _VALUE + r"\S+)$", re.DOTALL)


class Aliases:
    """All aliases, by ref."""

    def __init__(self, actions: Actions):
        self._actions = actions
        self._aliases: Dict[str, Alias] = {}

    def __iter__(self) -> Iterator[Alias]:
        return iter(list(self._aliases.values()))

    def put(self, definition: Dict[str, Any]) -> Alias:
        """Create or replace an alias; raises Invalid."""
        try:
            alias = _SCHEMA.clean(definition)
        except Invalid as error:
            raise type(error)(f"alias {definition.get('name')!r}: {error}")
        alias = dict(alias, id=new_id(), ref="{pack}.{name}".format_map(alias))
        if alias.get("immutable_parameters"):
            raise Refused(f"alias {alias['ref']!r}: the sandbox has no immutable_parameters")
        self._aliases[alias["ref"]] = alias
        return alias

    def match(self, command: str) -> Dict[str, Any]:
        """The one alias and the one format that fit; raises Invalid."""
        found = [(alias, display, format) for alias in self if alias["enabled"]
                 for display, format in representations(alias)
                 if parameters_in(format, command) is not None]
        if len(found) != 1:
            raise Invalid("Command '{}' matched {}".format(
                command, "more than 1 pattern" if found else "no patterns"))
        alias, display, format = found[0]
        return {"actionalias": alias, "display": display, "representation": format}

    def execute(self, name: str, format: str, command: str, user: str, source_channel: str,
                notification_route: Optional[str] = None,
                source_context: Optional[Values] = None) -> Dict[str, Any]:
        """Start the action: the execution, the alias, and the acknowledgement's message, extra."""
        alias = next((each for each in self if each["name"] == name), None)
        if alias is None or not alias["enabled"]:
            raise Invalid("Action alias with name \"{}\" is {}.".format(
                name, "disabled" if alias else "unknown"))
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
        """What the action gets of a command; raises Invalid."""
        if format not in [each for _, each in representations(alias)]:
            raise Invalid("Format string \"{}\" is not available on the alias \"{}\"".format(
                format, alias["name"]))
        values = parameters_in(format, command)
        if values is None:
            raise Invalid(f"Command \"{command}\" doesn't match format string \"{format}\"")
        # The platform splits a text for an array at its commas.
        action = self._actions.definition(alias["action_ref"])
        types = {name: each.get("type") for name, each in (action.get("parameters") or {}).items()}
        return {name: [part.strip() for part in value.split(",")] if types.get(name) == "array"
                else value for name, value in _literal(values).items()}


def representations(alias: Alias) -> Iterator[Tuple[str, str]]:
    """The display and the text of each; one with match_multiple is refused."""
    for each in alias["formats"]:
        if isinstance(each, str):
            each = {"display": each, "representation": [each]}
        if each.get("match_multiple"):
            raise Refused(f"alias {alias['ref']!r}: the sandbox has no match_multiple")
        for representation in each.get("representation") or []:
            yield each.get("display") or representation, representation


def parameters_in(format: str, command: str) -> Optional[Values]:
    """What a format takes out of a command, which must be in its case; None if it does not fit."""
    pairs, text = _pairs(command)
    names, defaults = [], {}

    def pattern(place: Any) -> str:
        blanks, name, default = place.groups()
        names.append(name)
        value = rf"""{blanks}["']?(?P<{name}>(?<=").+?(?=")|(?<=').+?(?=')|\{{.+?\}}|.+?)["']?"""
        if default is None:
            return value
        defaults[name] = default.strip("\"'")
        return f"(?:{value})?"

    found = re.match(r"\s*" + _PLACE.sub(pattern, format) + r"\s*\Z", text, re.DOTALL)
    if not found:
        return None
    values = {name: found.group(name) or defaults.get(name) for name in names}
    return {**values, **pairs}


def _pairs(command: str) -> Tuple[Values, str]:
    """The key=value pairs that end a command, and what is before them."""
    pairs: List[Tuple[str, str]] = []
    text = " " + command.strip()
    while True:
        found = _PAIR.search(text)
        if not found:
            return dict(pairs), text + " "
        value = found.group(2)
        pairs.insert(0, (found.group(1), value[1:-1] if value[0] in "\"'" else value))
        text = text[:found.start()]


def acknowledgement(alias: Alias, execution: Execution) -> Values:
    """What the platform makes of an alias's ack: message and extra."""
    ack, context = alias.get("ack") or {}, {"execution": execution, "actionalias": alias}
    return {name: templates.render(ack[key], context)
            for name, key in (("message", "format"), ("extra", "extra")) if key in ack}


def _literal(values: Values) -> Values:
    """The values, which the platform evaluates in places and the sandbox nowhere."""
    for value in values.values():
        if any(mark in str(value) for mark in ("{{", "{%")):
            raise Refused(f"the sandbox takes no templates in a command, such as {value!r}")
    return values
