"""The command in a room that an execution comes of."""
import re
from typing import Any, Dict, NamedTuple

from chatops.errors import NotACommand
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm

__all__ = ["Origin", "begun_by", "identifier", "origin_of", "source_of"]

_IDENTIFIER = re.compile(r"[0-9A-Za-z-]{1,36}")


class Origin(NamedTuple):
    """The command that an execution comes of: ids; the last two are "" where they are not known.

    heard_by: the execution that heard the message.
    """

    room: int
    person: int
    message_id: str
    heard_by: str


def origin_of(execution: Dict[str, Any], settings: ChatOpsSettings) -> Origin:
    """Where an execution was asked for; NotACommand unless it was in a room that takes commands.

    An action with a notify section of its own takes the alias's place, and with it the ids of
    message and hearing; room and person then still stand in the context.
    """
    context = execution.get("context") or {}
    if execution.get("parent"):
        raise NotACommand("It is a part of a workflow, which answers as a whole.")
    room, person = (str(context.get(key, "")) for key in ("source_channel", "api_user"))
    if not (context.get("action_alias_ref") and room.isdecimal() and person.isdecimal() and
            int(room) in settings.rooms):
        raise NotACommand("No command in one of chatops.rooms started it.")
    known = source_of(execution)
    return Origin(int(room), int(person), identifier(known.get("message_id")),
                  identifier(known.get("heard_by")))


def source_of(execution: Dict[str, Any]) -> Dict[str, Any]:
    """What the call that started an execution told of the message: message_id and heard_by."""
    notify = ((execution.get("liveaction") or {}).get("notify") or {}).get("on-complete") or {}
    return (notify.get("data") or {}).get("source_context") or {}


def identifier(value: Any) -> str:
    """The value if it is an id and nothing that StackStorm could evaluate, else ""."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""


def begun_by(execution: Dict[str, Any], stackstorm: StackStorm) -> Dict[str, Any]:
    """The execution that this one is a part of, or itself."""
    while execution.get("parent"):
        execution = stackstorm.execution(execution["parent"])
    return execution
