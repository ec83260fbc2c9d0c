"""What a workflow asks, and what a person answers it."""
import json
from typing import Any, Callable, Dict, Optional

from chatops.errors import CommandRejected, StackStormError
from chatops.matching import quoted
from chatops.permissions import Permissions
from chatops.settings import ChatOpsSettings
from hipchat.text.template_guard import neutralize_templates
from hipchat.text.shallow_json import loads

__all__ = ["about_question", "check_may_answer", "question", "response_of"]

WORDS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
SIGNS = " \t\n.!,;:"  # around a word that is an answer; "yes?" is none
READ_BY_ALL = "Everybody in this room can read the answer."

Fields = Dict[str, Dict[str, Any]]


def question(inquiry: Dict[str, Any], asking: str, opening: str) -> str:
    """Put an inquiry in words.

    Args:
        inquiry: As StackStorm's API has it.
        asking: Who asks: the action that was started.
        opening: What a command begins with.

    Returns:
        Who asks, what for, and how it is answered.
    """
    fields = _fields(inquiry)
    lines = [f"{asking} asks, for at most {inquiry.get('ttl')} minutes:"]
    lines += [f"{name}{': ' + field['description'] if field.get('description') else ''}"
              for name, field in fields.items()]
    if any(field.get("secret") for field in fields.values()):
        lines.append(READ_BY_ALL)
    lines.append(f"Answer with: {opening}answer {inquiry['id']} {_example(fields)}")
    return "\n".join(lines)


def _example(fields: Fields) -> str:
    if not fields:
        return "ok"
    only = _only(fields)
    if only is None:
        return json.dumps({name: _kind(field) or "string" for name, field in fields.items()})
    kind = _kind(fields[only]) or "text"
    return {"boolean": "yes (or no)", "array": "<one, two>"}.get(kind, f"<{kind}>")


def _fields(inquiry: Dict[str, Any]) -> Fields:
    fields = (inquiry.get("schema") or {}).get("properties") or {}
    return {name: field if isinstance(field, dict) else {} for name, field in fields.items()}


def _kind(field: Any) -> Optional[str]:
    """Return the type of a field: of several, the first that is something."""
    kinds = field.get("type") if isinstance(field, dict) else None
    return next((kind for kind in ([kinds] if isinstance(kinds, str) else kinds or [])
                 if kind != "null"), None)


def _only(fields: Fields) -> Optional[str]:
    """Return the field that plain words are for: the only one, or the only required one."""
    required = [name for name, field in fields.items() if field.get("required") is True]
    names = required if len(required) == 1 else list(fields)
    return names[0] if len(names) == 1 else None


def response_of(words: str, inquiry: Dict[str, Any]) -> Dict[str, Any]:
    """Turn a person's words into a response.

    It is inert, whatever JSON's escapes have hidden: the workflow evaluates what it is given.

    Raises:
        CommandRejected: the words cannot be an answer to this inquiry.
    """
    fields = _fields(inquiry)
    if words.lstrip().startswith("{"):
        return neutralize_templates(_object(words))
    if not fields:
        return {}
    only = _only(fields)
    if only is None:
        raise CommandRejected("That question takes several answers: write them as {{\"{}\": ...}}."
                              .format("\": ..., \"".join(fields)))
    return {only: _finite(_value(words, fields[only]))}


def _value(words: str, field: Any) -> Any:
    """Convert words to what a field takes; a list has its items between commas."""
    kind = _kind(field)
    if kind == "array":
        return [_value(item.strip(), field.get("items")) for item in words.split(",")]
    try:
        if kind == "boolean":
            return WORDS[words.strip(SIGNS).lower()]
        return {"integer": int, "number": float}.get(kind or "", str)(words)
    except (KeyError, ValueError):
        raise CommandRejected("{} is no answer to that: it takes {}.".format(
            quoted(words), "yes or no" if kind == "boolean" else "a number")) from None


def _object(words: str) -> Dict[str, Any]:
    try:
        return _finite(loads(words))
    except ValueError:
        raise CommandRejected("That answer is no JSON object. Where two braces meet, write a blank "
                              "between them: } }.") from None


def _finite(value: Any) -> Any:
    """The value; CommandRejected where JSON has no number for one in it."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise CommandRejected("An answer takes no numbers without an end, such as NaN or 1e999."
                              ) from None
    return value


def check_may_answer(inquiry: Dict[str, Any], alias: str, person: int, room: int,
                     settings: ChatOpsSettings, has_rbac: Callable[[], bool]) -> None:
    """CommandRejected unless the person may answer; StackStorm itself looks at the account alone.

    With a key for each person, StackStorm's look is at the person: at their name, and where it has
    RBAC at their roles; without RBAC everybody has each role there. Without such keys, users must
    name them by their HipChat id. Where nobody is named, those may answer who may run the command
    that asks.
    """
    if inquiry.get("roles"):
        if not settings.api_keys or not has_rbac():
            raise CommandRejected("That question is for people with a role in StackStorm, which "
                                  "knows none of yours: it takes RBAC, and chatops.api_keys in the "
                                  "pack's config.")
    elif inquiry.get("users"):
        if not settings.api_keys and str(person) not in map(str, inquiry["users"]):
            raise CommandRejected("That question is not for you to answer.")
    elif not Permissions(settings).may(alias, person, room):
        raise CommandRejected("That question is not for you to answer: it is for those who may run "
                              "{}.".format(alias))


def about_question(call: Callable[[], Any]) -> Any:
    """Make a call of StackStorm's API about one inquiry.

    Raises:
        CommandRejected: there is no such inquiry, or it is for others. (StackStorm's own words on
            the latter show a database record.)
        StackStormError: for all else.
    """
    try:
        return call()
    except StackStormError as error:
        if error.status == 404:
            raise CommandRejected("There is no such question. It may have been answered, or its "
                                  "time may be over.") from None
        if error.status == 403 and "required permission" not in error.words:
            raise CommandRejected("That question is not for you to answer: its workflow names "
                                  "others.") from None
        raise
