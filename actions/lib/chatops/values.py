"""Refuses commands whose values StackStorm would read otherwise than the template guard has."""
import re
from typing import Optional

from chatops.errors import CommandRejected
from chatops.matching import Fit, quoted
from hipchat.text.template_guard import BREAK
from hipchat.text.shallow_json import loads

__all__ = ["check_values"]

# StackStorm reads a value in braces as JSON, or else as Python. These hide a template's characters
# from the guard: escapes, and two strings that stand side by side and become one.
_ESCAPES = re.compile(r"\\[uUxN0-7\n]")
_JOINED = re.compile(r"[{}<%#]['\"](?:\s|\\\n|#[^\n]*\n|['\"bBfFrRuU])*['\"][{}%#>]")


def check_values(fit: Fit, extra_parameters: bool) -> None:
    """Raise CommandRejected for values that StackStorm would read otherwise than the guard has,
    and for parameters that the format does not name.
    """
    extra = sorted(set().union(*fit.executions) - set(fit.format.names))
    if extra and not extra_parameters:
        raise CommandRejected("That command has no parameter {}. (StackStorm takes a last word "
                              "with = in it for one.)".format(", ".join(map(quoted, extra))))
    if "{" in fit.command and _ESCAPES.search(fit.command):
        raise CommandRejected("Write the characters themselves: a command takes no escapes such as "
                              "\\u007b beside braces.")
    if "{" in fit.command and _JOINED.search(fit.command):
        raise CommandRejected("Write one text in one pair of quotes: a command takes no two side "
                              "by side beside braces.")
    again = _cut_twice(fit.command)
    if again:
        raise CommandRejected(f"Write {quoted(again)} once: StackStorm takes it out wherever it "
                              "stands.")
    for value in (value for values in fit.executions for value in values.values() if value):
        if BREAK in value and value.lstrip("\"' [").startswith("{") and (
                _is_json(value.replace(BREAK, ""))):
            raise CommandRejected("Where two braces meet, write a blank between them: } }.")


def _cut_twice(command: str) -> Optional[str]:
    """An ending with = in it that stands elsewhere in the command as well: what stood before and
    after it there comes together, when StackStorm cuts off the key=value pairs at the end.
    """
    endings = (command[blank.start():] for blank in re.finditer(r"\s", command))
    return next((ending.strip() for ending in endings
                 if "=" in ending and command.count(ending) > 1), None)


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except ValueError:
        return False
    return True
