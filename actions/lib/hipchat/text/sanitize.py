"""Replaces text and values that StackStorm cannot store."""
from typing import Any

from hipchat.text.template_guard import BREAK

__all__ = ["sanitize"]

# StackStorm's action processes write this text around the result (st2common/constants/action.py).
# If the result contains it too, StackStorm cannot read the result, and the action fails.
DELIMITER = "%%%%%~=~=~=************=~=~=~%%%%"


def sanitize(value: Any) -> Any:
    """Return the value without the parts that StackStorm cannot store.

    Replaces lone surrogates, NUL in a key, integers beyond 64 bits (by their digits), and the text
    that delimits an action's result.
    """
    if isinstance(value, str):
        whole = value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
        return whole.replace("=*", "=" + BREAK + "*") if DELIMITER in whole else whole
    if isinstance(value, list):
        return [sanitize(item) for item in value]
    if isinstance(value, dict):
        return {sanitize(key).replace("\0", "\ufffd"): sanitize(item)
                for key, item in value.items()}
    if type(value) is int and not -2 ** 63 <= value < 2 ** 63:
        return str(value)
    return value
