"""What is told of a command that has ended: what its alias wants said."""
from typing import Any, Dict, Optional

from chatops.answer import Answer, is_private, parted, styled
from chatops.default_text import default_text
from chatops.errors import Ignored
from chatops.templates import render, render_leaves

__all__ = ["result_of"]

COLORS = {"succeeded": "green", "canceled": "gray"}
NOT_SEEN = ("trigger", "trigger_type", "trigger_instance", "liveaction")  # by an alias's templates


def result_of(execution: Dict[str, Any], alias: Optional[Dict[str, Any]]) -> Answer:
    """What is said when a command has ended; Ignored where its alias wants nothing said.

    Where its template fails, all that is known is told: StackStorm's own ChatOps says nothing then.
    Where the alias is gone, so is whether others may read that: the room learns how it ended.
    """
    plain = Answer("", color=COLORS.get(execution["status"], "red"),
                   web_url=execution.get("web_url") or "")
    if alias is None:
        return plain._replace(text="{} ended: {}. (Its alias is gone, which knew what to say.) {}"
                              .format(execution["action"]["ref"], execution["status"],
                                      plain.web_url).strip())
    wanted = alias.get("result") or {}
    if wanted.get("enabled") is False:
        raise Ignored("The alias wants no result to be told.")
    context = {"execution": {key: value for key, value in execution.items()
                             if key not in NOT_SEEN}, "alias": alias}
    try:
        text = (_rendered(wanted["format"], context) if "format" in wanted else
                default_text(execution))
        extra = render_leaves(wanted.get("extra"), context)
    except Exception as error:  # an expression of an alias's can raise anything
        return plain._replace(
            private=is_private(wanted.get("extra")),
            text="{}\n(The words of the alias {} for it cannot be used: {})".format(
                default_text(execution), alias.get("name"), type(error).__name__))
    text, code = parted(text)
    answer = styled(plain._replace(text=text, code=code), extra)
    # What a command printed is no HTML, unless the alias makes some of it.
    return answer if "format" in wanted else answer._replace(format="text")


def _rendered(template: str, context: Dict[str, Any]) -> str:
    if "six" in template:
        import six
        context = dict(context, six=six)
    return render(template, context)
