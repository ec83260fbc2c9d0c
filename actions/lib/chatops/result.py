"""Formats the result of an ended command, as its alias says."""
from typing import Any, Dict, Optional

from chatops.reply import Reply, is_private, parted, styled
from chatops.default_text import default_text
from chatops.stackstorm import LARGEST_RESULT
from chatops.time_limit import limited_time
from chatops.templates import render, render_leaves

__all__ = ["result_of"]

COLORS = {"succeeded": "green", "canceled": "gray"}
LONGEST_RENDERING = 2.0  # seconds of this process's time, in which nothing else runs
NOT_SEEN = ("trigger", "trigger_type", "trigger_instance", "liveaction")  # by an alias's templates


def result_of(execution: Dict[str, Any], alias: Optional[Dict[str, Any]]) -> Optional[Reply]:
    """Return the reply to an ended command; None if its alias disables it.

    Where the words of the alias cannot be used, or it is gone, the room learns how it ended, and
    not what others perhaps may not read: StackStorm's own ChatOps says nothing then.
    """
    plain = Reply("", color=COLORS.get(execution["status"], "red"),
                  web_url=execution.get("web_url") or "")
    if alias is None:
        return plain._replace(text=_end(execution, "Its alias is gone, which knew what to say."))
    wanted = alias.get("result") or {}
    if wanted.get("enabled") is False:
        return None
    if (execution.get("result_size") or 0) > LARGEST_RESULT:  # it was not read
        return plain._replace(private=is_private(wanted.get("extra")), text=_end(
            execution, f"Its result has {execution['result_size']} bytes, too many for a room."))
    context = {"execution": {key: value for key, value in execution.items()
                             if key not in NOT_SEEN}, "alias": alias}
    try:
        with limited_time(LONGEST_RENDERING):
            text = (_rendered(wanted["format"], context) if "format" in wanted else
                    default_text(execution))
            extra = render_leaves(wanted.get("extra"), context)
    except Exception as error:  # an expression of an alias's can raise anything
        why = "What the alias {} says of it cannot be used: {}".format(
            alias.get("name"), type(error).__name__)
        return plain._replace(
            private=is_private(wanted.get("extra")),
            text=_end(execution, why) if "format" in wanted else
            f"{default_text(execution)}\n({why})")
    text, code = parted(text)
    reply = styled(plain._replace(text=text, code=code), extra)
    # What a command printed is no HTML, unless the alias makes some of it.
    return reply if "format" in wanted else reply._replace(format="text")


def _end(execution: Dict[str, Any], why: str) -> str:
    """Return how it ended, and why the result is not shown."""
    return "{} ended: {}. ({}) {}".format(
        execution["action"]["ref"], execution["status"], why,
        execution.get("web_url") or "Its execution is " + execution["id"])


def _rendered(template: str, context: Dict[str, Any]) -> str:
    if "six" in template:
        import six
        context = dict(context, six=six)
    return render(template, context)
