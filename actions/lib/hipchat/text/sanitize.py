"""Replaces strings and numbers in a payload or result that StackStorm cannot store."""
from typing import Any

from hipchat.text.template_guard import BREAK

__all__ = ["sanitize"]

# StackStorm's action processes write this string around the result (st2common/constants/action.py).
# If the result contains it too, StackStorm cannot read the result, and the action fails.
DELIMITER = "%%%%%~=~=~=************=~=~=~%%%%"


def sanitize(value: Any) -> Any:
    """Return a JSON value in which the parts that StackStorm cannot store are replaced.

    These are lone surrogates, NUL in a key, integers beyond 64 bits (replaced by strings of their
    digits), and the string by which StackStorm delimits an action's result.
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
