"""Turns a workflow's inquiry into a question for a room, and the answer in chat into a response."""
import json
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional

from chatops.errors import CommandRejected, StackStormError
from chatops.permissions import Permissions
from chatops.settings import ChatOpsSettings
from hipchat.text.template_guard import neutralize_templates
from hipchat.text.shallow_json import loads

__all__ = ["about_question", "check_may_answer", "question", "response_of"]

WORDS = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
SIGNS = " \t\n.!,;:"  # allowed around yes and no; "yes?" is no answer

Fields = Dict[str, Dict[str, Any]]


def question(inquiry: Dict[str, Any], action: str, opening: str) -> str:
    """Format an inquiry from StackStorm's API as the question to post in a room.

    Args:
        action: the ref of the action that the command started, and that now asks.
        opening: the beginning of a command, such as "!".
    """
    fields = _fields(inquiry)
    lines = [f"{action} asks, for at most {inquiry.get('ttl')} minutes:"]
    lines += [f"{name}{': ' + field['description'] if field.get('description') else ''}"
              for name, field in fields.items()]
    if any(field.get("secret") for field in fields.values()):
        lines.append("Everyone in this room can read the answer.")
    lines.append(f"Answer with: {opening}answer {inquiry['id']} {_example(fields)}")
    return "\n".join(lines)


def _example(fields: Fields) -> str:
    """Return what to write as the answer, such as "yes (or no)" for a single boolean field."""
    if not fields:
        return "ok"
    only = _only(fields)
    if only is None:
        return json.dumps({name: _kind(field) or "string" for name, field in fields.items()})
    kind = _kind(fields[only]) or "text"
    return {"boolean": "yes (or no)", "array": "<one, two>"}.get(kind, f"<{kind}>")


def _fields(inquiry: Dict[str, Any]) -> Fields:
    """Return the properties of an inquiry's schema, by name."""
    fields = (inquiry.get("schema") or {}).get("properties") or {}
    return {name: field if isinstance(field, dict) else {} for name, field in fields.items()}


def _kind(field: Any) -> Optional[str]:
    """Return a field's first JSON schema type that is not null; None if it has no such type."""
    kinds = field.get("type") if isinstance(field, dict) else None
    return next((kind for kind in ([kinds] if isinstance(kinds, str) else kinds or [])
                 if kind != "null"), None)


def _only(fields: Fields) -> Optional[str]:
    """Return the name of the only required field, or else of the only field; else None."""
    required = [name for name, field in fields.items() if field.get("required") is True]
    names = required if len(required) == 1 else list(fields)
    return names[0] if len(names) == 1 else None


def response_of(answer: str, inquiry: Dict[str, Any]) -> Dict[str, Any]:
    """Return the values in a person's answer by field; raise CommandRejected for a wrong answer.

    The workflow evaluates the response as a template, so its templates are made harmless. This
    happens after JSON is decoded, because an escape in JSON can hide a template.
    """
    fields = _fields(inquiry)
    if answer.lstrip().startswith("{"):
        return neutralize_templates(_object(answer))
    if not fields:
        return {}
    only = _only(fields)
    if only is None:
        example = ", ".join(f'"{name}": ...' for name in fields)
        raise CommandRejected(f"That question takes several answers: write them as {{{example}}}.")
    return {only: _finite(_value(answer, fields[only]))}


def _value(answer: str, field: Any) -> Any:
    """Convert an answer to the type of its field; raises CommandRejected if that is impossible."""
    kind = _kind(field)
    if kind == "array":
        return [_value(item.strip(), field.get("items")) for item in answer.split(",")]
    try:
        if kind == "boolean":
            return WORDS[answer.strip(SIGNS).lower()]
        return {"integer": int, "number": float}.get(kind or "", str)(answer)
    except (KeyError, ValueError):
        accepted = "yes or no" if kind == "boolean" else "a number"
        raise CommandRejected(f'"{answer}" is no answer to that question. Answer with '
                              f"{accepted}.") from None


def _object(answer: str) -> Dict[str, Any]:
    try:
        return _finite(loads(answer))
    except ValueError:
        raise CommandRejected("That answer is no JSON object. Where two braces meet, write a blank "
                              "between them: } }.") from None


def _finite(value: Any) -> Any:
    """Return the value; raises CommandRejected if it contains infinity or NaN, which JSON lacks."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise CommandRejected("An answer takes only finite numbers, no NaN and no 1e999.") from None
    return value


def check_may_answer(inquiry: Dict[str, Any], alias: str, person_id: int, room_id: int,
                     settings: ChatOpsSettings, has_rbac: Callable[[], bool]) -> None:
    """Raise CommandRejected unless the person is allowed to answer the inquiry in the room.

    StackStorm itself checks whether the account that responds is among the inquiry's `users` and
    has one of its `roles`. This function covers the cases in which that check is not enough:

    - `roles`: rejected without api_keys, because then all people share an account; rejected without
      RBAC, because then StackStorm accepts every account for every role.
    - `users`: without api_keys, the person's HipChat ID must be among them.
    - neither: the person must be allowed to run the command whose workflow asks, which has the full
      name `alias`.
    """
    if inquiry.get("roles"):
        if not settings.api_keys or not has_rbac():
            raise CommandRejected("That question is for people with a role in StackStorm, and your "
                                  "roles are unknown here: that needs RBAC, and chatops.api_keys "
                                  "in the pack's config.")
    elif inquiry.get("users"):
        if not settings.api_keys and str(person_id) not in map(str, inquiry["users"]):
            raise CommandRejected("That question is not for you to answer.")
    elif not Permissions(settings).may(alias, person_id, room_id):
        raise CommandRejected("That question is not for you to answer: it is for the people who "
                              f"may run {alias}.")


@contextmanager
def about_question() -> Iterator[None]:
    """Raise CommandRejected if a call in a `with` block finds no inquiry, or one for others."""
    try:
        yield
    except StackStormError as error:
        if error.status == 404:
            raise CommandRejected("There is no such question. It may have been answered, or its "
                                  "time may be over.") from None
        # Of a question for others, StackStorm's own message contains a database record.
        if error.status == 403 and "required permission" not in error.message:
            raise CommandRejected("That question is not for you to answer: its workflow names "
                                  "others.") from None
        raise
