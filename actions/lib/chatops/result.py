"""What an execution's end is told as: what its alias wants said."""
import re
from typing import Any, Dict, NamedTuple, Optional

from chatops.answer import Answer, styled
from chatops.default_text import default_text
from chatops.errors import Ignored
from chatops.settings import ChatOpsSettings
from chatops.stackstorm import StackStorm
from chatops.templates import render, render_leaves

__all__ = ["Origin", "ack_of", "begun_by", "origin_of", "result_of"]

COLORS = {"succeeded": "green", "canceled": "gray"}
NOT_SEEN = ("trigger", "trigger_type", "trigger_instance", "liveaction")  # by an alias's templates
MARK = "{~}"  # parts text from code
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
    """Where an execution was asked for; Ignored unless it was in a room that takes commands.

    An action with a notify section of its own takes the alias's place, and with it the ids of
    message and hearing; room and person then still stand in the context.
    """
    context = execution.get("context") or {}
    if execution.get("parent"):
        raise Ignored("It is a part of a workflow, which answers as a whole.")
    room, person = (str(context.get(key, "")) for key in ("source_channel", "api_user"))
    if not (context.get("action_alias_ref") and room.isdecimal() and person.isdecimal() and
            int(room) in settings.rooms):
        raise Ignored("No command in one of chatops.rooms started it.")
    notify = ((execution.get("liveaction") or {}).get("notify") or {}).get("on-complete") or {}
    known = (notify.get("data") or {}).get("source_context") or {}
    return Origin(int(room), int(person), _identifier(known.get("message_id")),
                  _identifier(known.get("heard_by")))


def _identifier(value: Any) -> str:
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""


def ack_of(started: Dict[str, Any]) -> Optional[Answer]:
    """What is said when a command begins; None where its alias wants nothing said."""
    ack = started["actionalias"].get("ack") or {}
    if ack.get("enabled") is False:
        return None
    execution = started["execution"]
    url = execution.get("web_url") or ""
    text, code = _parts(started.get("message") or
                        "Running {}.".format(execution["action"]["ref"]))
    if ack.get("append_url") is not False and url:
        text += " (details available at {})".format(url)
    return styled(Answer(text, code, color="gray", web_url=url), started.get("extra"))


def result_of(execution: Dict[str, Any], alias: Optional[Dict[str, Any]]) -> Answer:
    """What is said when a command has ended; Ignored where its alias wants nothing said.

    A template that fails is told as what it is: the person still learns how the command ended.
    """
    wanted = (alias or {}).get("result") or {}
    if wanted.get("enabled") is False:
        raise Ignored("The alias wants no result to be told.")
    context = {"execution": {key: value for key, value in execution.items()
                             if key not in NOT_SEEN}, "alias": alias or {}}
    url = execution.get("web_url") or ""
    plain = Answer("", color=COLORS.get(execution["status"], "red"), web_url=url)
    try:
        text = (_rendered(wanted["format"], context) if "format" in wanted else
                default_text(execution))
        extra = render_leaves(wanted.get("extra"), context)
    except Exception as error:  # an expression of an alias's can raise anything
        return plain._replace(text="{}: {}. (The alias {} has a result that cannot be told: {}) {}"
                              .format(execution["action"]["ref"], execution["status"],
                                      (alias or {}).get("name"), type(error).__name__, url))
    text, code = _parts(text)
    return styled(plain._replace(text=text, code=code), extra)


def _rendered(template: str, context: Dict[str, Any]) -> str:
    if "six" in template:
        import six
        context = dict(context, six=six)
    return render(template, context)


def _parts(message: str) -> Any:
    """Text and code; all is text unless the alias parts them."""
    text, mark, code = message.partition(MARK)
    return (text.strip(), re.sub(r"\A(?: *\n| )", "", code).rstrip()) if mark else (
        message.strip(), "")


def begun_by(execution: Dict[str, Any], stackstorm: StackStorm) -> Dict[str, Any]:
    """The execution that this one is a part of, or itself."""
    while execution.get("parent"):
        execution = stackstorm.execution(execution["parent"])
    return execution
