"""What is told of a command that has ended: what its alias wants said."""
from typing import Any, Dict, Optional

from chatops.answer import Answer, parted, styled
from chatops.default_text import default_text
from chatops.errors import Ignored
from chatops.templates import render, render_leaves

__all__ = ["result_of"]

COLORS = {"succeeded": "green", "canceled": "gray"}
NOT_SEEN = ("trigger", "trigger_type", "trigger_instance", "liveaction")  # by an alias's templates


def result_of(execution: Dict[str, Any], alias: Optional[Dict[str, Any]]) -> Answer:
    """What is said when a command has ended; Ignored where its alias wants nothing said.

    Where its template fails, all that is known is told: StackStorm's own ChatOps says nothing then.
    """
    wanted = (alias or {}).get("result") or {}
    if wanted.get("enabled") is False:
        raise Ignored("The alias wants no result to be told.")
    context = {"execution": {key: value for key, value in execution.items()
                             if key not in NOT_SEEN}, "alias": alias or {}}
    plain = Answer("", color=COLORS.get(execution["status"], "red"),
                   web_url=execution.get("web_url") or "")
    try:
        text = (_rendered(wanted["format"], context) if "format" in wanted else
                default_text(execution))
        extra = render_leaves(wanted.get("extra"), context)
    except Exception as error:  # an expression of an alias's can raise anything
        return plain._replace(text="{}\n(The words of the alias {} for it cannot be used: {})"
                              .format(default_text(execution), (alias or {}).get("name"),
                                      type(error).__name__))
    text, code = parted(text)
    return styled(plain._replace(text=text, code=code), extra)


def _rendered(template: str, context: Dict[str, Any]) -> str:
    if "six" in template:
        import six
        context = dict(context, six=six)
    return render(template, context)
