"""The template guard: keeps StackStorm from evaluating templates (Jinja, YAQL) in chat text."""
import re
from typing import Any

__all__ = ["BREAK", "neutralize_templates"]

BREAK = "\u200b"  # zero width space: a reader sees no difference, a template engine does
# The positions between two characters that open or close an expression of Jinja ({{ {% {#) or YAQL
# (<%); also at the ends of a string, where a rule can put the other character beside it. There is
# no break before a "#" at the start: many messages begin with "#", and a comment evaluates nothing.
_BREAKS = re.compile(r"(?<=\{)(?=[{%#])|(?<=<)(?=%)|(?<=\})(?=\})|(?<=[%#])(?=\})|(?<=%)(?=>)"
                     r"|^(?=[{%])|(?<=[{<])\Z", re.ASCII)
_PART = re.compile(r"[{}<%]")  # a part of each of those; far quicker to search


def neutralize_templates(value: Any) -> Any:
    """Return a JSON value with the templates in all its strings, also in keys, made harmless.

    A zero-width space is inserted where a template would open or close.
    """
    if isinstance(value, str):
        return _BREAKS.sub(BREAK, value) if _PART.search(value) else value
    if isinstance(value, list):
        return [neutralize_templates(item) for item in value]
    if isinstance(value, dict):
        return {neutralize_templates(key): neutralize_templates(item) for key,
                item in value.items()}
    return value
