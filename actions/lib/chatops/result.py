"""Formats the result of an ended command, as the `result` of its alias says."""
from typing import Any, Dict, Optional

from chatops.reply import Reply, is_private, split_message, styled
from chatops.default_text import default_text
from chatops.stackstorm import LARGEST_RESULT
from chatops.time_limit import limited_time
from chatops.templates import render, render_leaves

__all__ = ["result_of"]

COLORS = {"succeeded": "green", "canceled": "gray"}
LONGEST_RENDERING = 2.0  # seconds of processor time, during which the sensor does nothing else
HIDDEN = ("trigger", "trigger_type", "trigger_instance", "liveaction")  # from alias templates


def result_of(execution: Dict[str, Any], alias: Optional[Dict[str, Any]]) -> Optional[Reply]:
    """Return the reply with the result of a command; None if the alias disables results.

    The reply contains the status but not the result if the alias was deleted, or if the alias has a
    format and a template fails, because the alias may hide parts of the result from the room.
    (StackStorm's own ChatOps sends no reply then.)

    Args:
        execution: the command's ended execution, from StackStorm's API.
        alias: the command's alias, from StackStorm's API; None if it was deleted.
    """
    plain = Reply("", color=COLORS.get(execution["status"], "red"),
                  web_url=execution.get("web_url") or "")
    if alias is None:
        return plain._replace(text=_status(execution, "Its alias was deleted."))
    options = alias.get("result") or {}
    if options.get("enabled") is False:
        return None
    if (execution.get("result_size") or 0) > LARGEST_RESULT:  # the result was not read
        return plain._replace(private=is_private(options.get("extra")), text=_status(
            execution, f"Its result has {execution['result_size']} bytes, too many for a room."))
    context = {"execution": {key: value for key, value in execution.items() if key not in HIDDEN},
               "alias": alias}
    try:
        with limited_time(LONGEST_RENDERING):
            text = (_rendered(options["format"], context) if "format" in options else
                    default_text(execution))
            extra = render_leaves(options.get("extra"), context)
    except Exception as error:  # an expression in a template can raise anything
        reason = f"A template of the alias {alias.get('name')} fails: {type(error).__name__}"
        return plain._replace(
            private=is_private(options.get("extra")),
            text=_status(execution, reason) if "format" in options else
            f"{default_text(execution)}\n({reason})")
    text, code = split_message(text)
    reply = styled(plain._replace(text=text, code=code), extra)
    # The output of a command is no HTML. With a format, its author may have made HTML.
    return reply if "format" in options else reply._replace(format="text")


def _status(execution: Dict[str, Any], reason: str) -> str:
    """Return a reply's text: the status of an execution, and why its result is not shown."""
    where = execution.get("web_url") or "Its execution is " + execution["id"]
    return f"{execution['action']['ref']} ended: {execution['status']}. ({reason}) {where}"


def _rendered(template: str, context: Dict[str, Any]) -> str:
    """Render a template of a result; like StackStorm, with Python's module `six` in the context."""
    if "six" in template:
        import six
        context = dict(context, six=six)
    return render(template, context)
