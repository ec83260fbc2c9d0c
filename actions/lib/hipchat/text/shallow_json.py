"""Decodes untrusted JSON, and rejects JSON that is nested too deeply.

Python's module `json` is recursive. With about a thousand levels it raises RecursionError, from
which Python 3.8 does not always recover ("Cannot recover from stack overflow" ends the process).
"""
import json
import re
from itertools import accumulate
from typing import Any, Callable

__all__ = ["loads"]

DEEPEST = 100  # levels; HipChat's JSON has fewer than ten

NO_BRACKETS = re.compile(r"[^][}{]+")
STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}  # by how many levels each changes the depth


def loads(text: str, deepest: int = DEEPEST, decode: Callable[[str], Any] = json.loads) -> Any:
    """Return the value of a JSON string, read by `decode`.

    Raises ValueError if the string is invalid, or has more levels than `deepest`.
    """
    if _is_deeper(text, deepest):
        raise ValueError(f"there are more than {deepest} levels")
    return decode(text)


def _is_deeper(text: str, levels: int) -> bool:
    if text.count("[") + text.count("{") <= levels:
        return False
    unescaped = text.replace("\\\\", "").replace('\\"', "")
    brackets = NO_BRACKETS.sub("", "".join(unescaped.split('"')[::2]))  # outside of strings
    return levels < max(accumulate(map(STEPS.__getitem__, brackets)), default=0)
