"""The commands that a person may run in a room."""
from typing import Iterable, List

from chatops.reply import Reply
from chatops.matching import Format

__all__ = ["help_on", "nearest"]

LONG = 10  # lines that a room is not asked to bear
BUILT_IN = ("help [word] - This list, or what of it holds the word.",
            "answer <id> <answer> - Answer what a workflow asks.")


def help_on(word: str, formats: Iterable[Format], opening: str) -> Reply:
    """The list, of all or of what holds the word, each after the opening; aside if it is long."""
    lines = [line for line in dict.fromkeys([*map(_line, formats), *BUILT_IN])
             if word.lower() in line.lower()]
    if not lines:
        return Reply("No command that you may run here has {!r} in it. {}help lists all."
                     .format(word, opening))
    return Reply("You may run here:", "\n".join(opening + line for line in sorted(lines)),
                 aside=len(lines) > LONG)


def _line(format: Format) -> str:
    description = format.alias.get("description") or ""
    return f"{format.display} - {description}" if description else format.display


def nearest(command: str, formats: Iterable[Format]) -> List[str]:
    """The displays of the three formats that are most like a command."""
    from difflib import SequenceMatcher  # only who mistypes waits for it

    words = command.lower()
    matcher = SequenceMatcher(b=words)

    def likeness(display: str) -> float:
        matcher.set_seq1(display.lower()[:len(words)])
        return matcher.ratio()

    displays = dict.fromkeys(format.display for format in formats)
    return sorted(displays, key=likeness, reverse=True)[:3]
