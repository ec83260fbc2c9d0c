"""Makes templates in chat text harmless, so StackStorm's template engines do not evaluate them."""
import re
from typing import Any

__all__ = ["BREAK", "neutralize_templates"]

BREAK = "\u200b"  # zero width space: a reader sees no difference, a template engine does
# The positions between two characters that open or close an expression of Jinja ({{ {% {#) or YAQL
# (<%), alone or together with the text that a rule puts before and after. A "#" at the start stays:
# many messages begin with it, and a comment evaluates nothing.
_BREAKS = re.compile(r"(?<=\{)(?=[{%#])|(?<=<)(?=%)|(?<=\})(?=\})|(?<=[%#])(?=\})|(?<=%)(?=>)"
                     r"|^(?=[{%])|(?<=[{<])\Z", re.ASCII)
_PART = re.compile(r"[{}<%]")  # a part of each of those; far quicker to search


def neutralize_templates(value: Any) -> Any:
    """Return the value with the templates in all its strings, also in keys, made harmless."""
    if isinstance(value, str):
        return _BREAKS.sub(BREAK, value) if _PART.search(value) else value
    if isinstance(value, list):
        return [neutralize_templates(item) for item in value]
    if isinstance(value, dict):
        return {neutralize_templates(key): neutralize_templates(item) for key,
                item in value.items()}
    return value
