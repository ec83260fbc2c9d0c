"""Text and values of people and of HipChat, as StackStorm can store them."""
from typing import Any

from hipchat.text.template_guard import BREAK

__all__ = ["sanitize"]

# Around an action's result in what its process writes (st2common/constants/action.py): a result
# that holds it as well is none to StackStorm, and the action has failed.
DELIMITER = "%%%%%~=~=~=************=~=~=~%%%%"


def sanitize(value: Any) -> Any:
    """Return the same value without what StackStorm cannot store.

    Replaced are halves of characters, NUL in a key, integers beyond 64 bits (by their digits), and
    the text that ends an action's result.
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
