"""Makes templates in chat text harmless: none of StackStorm's engines evaluates them."""
import re
from typing import Any

__all__ = ["BREAK", "neutralize_templates"]

BREAK = "\u200b"  # zero width space: a reader sees no difference, a template engine does
# Where two characters would open or close an expression of Jinja ({{ {% {#) or YAQL (<%), alone or
# together with what a rule puts before and after the text. "#" may stay in front: it begins many
# messages, and a comment evaluates nothing.
_BREAKS = re.compile(r"(?<=\{)(?=[{%#])|(?<=<)(?=%)|(?<=\})(?=\})|(?<=[%#])(?=\})|(?<=%)(?=>)"
                     r"|^(?=[{%])|(?<=[{<])\Z", re.ASCII)
_PART = re.compile(r"[{}<%]")  # of each of those; far quicker to search for


def neutralize_templates(value: Any) -> Any:
    """Return the same value with the templates in every string of it, keys too, made harmless."""
    if isinstance(value, str):
        return _BREAKS.sub(BREAK, value) if _PART.search(value) else value
    if isinstance(value, list):
        return [neutralize_templates(item) for item in value]
    if isinstance(value, dict):
        return {neutralize_templates(key): neutralize_templates(item) for key,
                item in value.items()}
    return value
