"""Rejects a command if a parameter value hides a template that StackStorm would evaluate.

The template guard (hipchat/text/template_guard.py) changes a message before StackStorm decodes the
values. Decoding can make a new template, for example from an escape.
"""
import re
from typing import Optional

from chatops.errors import CommandRejected
from chatops.matching import FormatMatch
from hipchat.text.template_guard import BREAK
from hipchat.text.shallow_json import loads

__all__ = ["check_values"]

# StackStorm decodes a value in braces as JSON, or else as Python. Two things hide a template from
# the template guard: escapes, and adjacent strings, which Python joins.
_ESCAPES = re.compile(r"\\[uUxN0-7\n]")
_JOINED = re.compile(r"[{}<%#]['\"](?:\s|\\\n|#[^\n]*\n|['\"bBfFrRuU])*['\"][{}%#>]")


def check_values(match: FormatMatch, extra_parameters: bool) -> None:
    """Raise CommandRejected if a value of a match can hide a template from the template guard.

    Without `extra_parameters`, also raise it for a parameter that is not in the format.
    """
    extra = sorted(set().union(*match.executions) - set(match.format.names))
    if extra and not extra_parameters:
        names = '", "'.join(extra)
        raise CommandRejected(f'That command has no parameter "{names}". '
                              "(StackStorm reads a last word with = in it as a parameter.)")
    if "{" in match.command and _ESCAPES.search(match.command):
        raise CommandRejected("Write the characters themselves: a command takes no escapes such as "
                              "\\u007b beside braces.")
    if "{" in match.command and _JOINED.search(match.command):
        raise CommandRejected("Write one text in one pair of quotes: beside braces, a command "
                              "takes no adjacent texts in quotes.")
    repeated = _repeated_ending(match.command)
    if repeated:
        raise CommandRejected(f'Write "{repeated}" once: StackStorm removes it everywhere in '
                              "the command.")
    for value in (value for values in match.executions for value in values.values() if value):
        if BREAK in value and value.lstrip("\"' [").startswith("{") and (
                _is_json(value.replace(BREAK, ""))):
            raise CommandRejected("Where two braces meet, write a blank between them: } }.")


def _repeated_ending(command: str) -> Optional[str]:
    """Return an ending of the command, with = in it, that occurs elsewhere too; None without one.

    StackStorm removes the key=value pairs at the end, and the same characters everywhere else. The
    characters around them can become a template.
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
