"""What a workflow asks, and what a person answers it."""
import json
from typing import Any, Dict, Optional

from chatops.errors import CommandRejected
from chatops.permissions import Permissions
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from hipchat.text.template_guard import neutralize_templates
from hipchat.text.shallow_json import loads

__all__ = ["check_may_answer", "question", "response_of"]

WORDS = {"boolean": {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}}
NUMBERS = {"integer": int, "number": float}


def question(inquiry: Dict[str, Any], asking: str, opening: str) -> str:
    """The question in words: who asks, what for, and how it is answered, after the opening."""
    fields = _fields(inquiry)
    lines = [f"{asking} asks, for at most {inquiry.get('ttl')} minutes:"]
    lines += [f"{name}{': ' + field['description'] if field.get('description') else ''}"
              for name, field in fields.items()]
    only = _only(fields)
    kind = only and _kind(fields[only])
    example = "yes" if kind == "boolean" else f"<{kind or 'text'}>" if only else (
        json.dumps({name: _kind(field) or "string" for name, field in fields.items()}))
    lines.append("Answer with: {}answer {} {}{}".format(
        opening, inquiry["id"], example, " (or no)" if kind == "boolean" else ""))
    return "\n".join(lines)


def _fields(inquiry: Dict[str, Any]) -> Dict[str, Any]:
    fields = (inquiry.get("schema") or {}).get("properties") or {}
    return {name: field if isinstance(field, dict) else {} for name, field in fields.items()}


def _kind(field: Dict[str, Any]) -> Optional[str]:
    """The type of a field: of several, the first that is something."""
    kinds = field.get("type")
    return next((kind for kind in ([kinds] if isinstance(kinds, str) else kinds or [])
                 if kind != "null"), None)


def _only(fields: Dict[str, Any]) -> Optional[str]:
    """The field that a plain word is for: the only one, or the only one that is required."""
    required = [name for name, field in fields.items() if field.get("required") is True]
    names = required if len(required) == 1 else list(fields)
    return names[0] if len(names) == 1 else None


def response_of(words: str, inquiry: Dict[str, Any]) -> Dict[str, Any]:
    """The response that a person's words are; CommandRejected where they cannot be one.

    It is inert, whatever JSON's escapes have hidden: the workflow evaluates what it is given.
    """
    if words.lstrip().startswith("{"):
        return neutralize_templates(_object(words))
    fields = _fields(inquiry)
    only = _only(fields)
    if only is None:
        raise CommandRejected("That question takes several answers: write them as {{\"{}\": ...}}."
                              .format("\": ..., \"".join(fields)))
    kind = _kind(fields[only])
    try:
        value = (WORDS[kind][words.lower()] if kind in WORDS else
                 NUMBERS[kind](words) if kind in NUMBERS else words)
    except (KeyError, ValueError):
        raise CommandRejected("{!r} is no answer to that: it takes {}.".format(
            words, "yes or no" if kind == "boolean" else "a number")) from None
    return {only: _finite(value)}


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
                     settings: ChatOpsSettings, stackstorm: StackStorm) -> None:
    """CommandRejected unless the person may answer; StackStorm itself looks at the account alone.

    With a key for each person, StackStorm's look is at the person: at their name, and where it has
    RBAC at their roles; without RBAC everybody has each role there. Without such keys, users must
    name them by their HipChat id. Where nobody is named, those may answer who may run the command
    that asks.
    """
    if inquiry.get("roles"):
        if not settings.api_keys or not stackstorm.has_rbac():
            raise CommandRejected("That question is for people with a role in StackStorm, which "
                                  "knows none of yours: it takes RBAC, and chatops.api_keys in the "
                                  "pack's config.")
    elif inquiry.get("users"):
        if not settings.api_keys and str(person) not in map(str, inquiry["users"]):
            raise CommandRejected("That question is not for you to answer.")
    elif not Permissions(settings).may(alias, person, room):
        raise CommandRejected("That question is not for you to answer: it is for those who may run "
                              "{}.".format(alias))
