"""The commands that a person may run in a room."""
import re
from typing import Iterable, Iterator, List, Tuple

from chatops.matching import Format, name_of, quoted
from chatops.reply import Reply

__all__ = ["help_on", "hidden_by", "nearest"]

LONG = 10  # lines; longer help is not posted in a room
BUILT_IN = ("help [word] - This list, or what of it is in that pack or holds the word.",
            "answer <id> <answer> - Answer what a workflow asks.")
_BUILT_IN_WORD = re.compile(r"(?:\^|\\s\*|\(\?:|\()*(help|answer)(?=\s|\(|\||\)|$)", re.IGNORECASE)


def help_on(word: str, formats: Iterable[Format], opening: str) -> Reply:
    """List commands.

    Args:
        word: A pack, whose commands are listed, or a part of the line of a command; "" for all.
        formats: What the person may run in the room.
        opening: What a command begins with.

    Returns:
        The list, aside if it is long; with the aliases that are meant in vain, as help is built in.
    """
    formats = list(formats)
    lines = list(dict.fromkeys(
        line for line, pack in _lines(formats)
        if word.lower() in line.lower() or word.lower() == pack.lower()))
    text = "You may run here:" if lines else (
        f"No command that you may run here has {quoted(word)} in it. {opening}help lists all.")
    for name in sorted({name_of(format.alias) for format in formats
                        if hidden_by(format) and format.fit(f"help {word}".strip())}):
        text = f"{name} cannot be said: help is built in. {text}"
    return Reply(text, "\n".join(opening + line for line in sorted(lines)),
                 aside=len(lines) > LONG)


def _lines(formats: Iterable[Format]) -> Iterator[Tuple[str, str]]:
    """Yield the line of each command with its pack; as in StackStorm, a format without a display
    has none.
    """
    for line in BUILT_IN:
        yield line, ""
    for format in formats:
        if format.display:
            hidden = hidden_by(format)
            about = f"(cannot be said: {hidden} is built in)" if hidden else (
                format.alias.get("description") or "")
            yield " - ".join(filter(None, [format.display, about])), str(format.alias["pack"])


def hidden_by(format: Format) -> str:
    """Return the built-in command that a format begins with, so that it is never matched, or ""."""
    begun = _BUILT_IN_WORD.match(format.representation)
    return begun.group(1).lower() if begun else ""


def nearest(command: str, formats: Iterable[Format]) -> List[str]:
    """Return the displays of the three formats that are most like a command."""
    from difflib import SequenceMatcher  # only who mistypes waits for it

    words = command.lower()
    matcher = SequenceMatcher(b=words)

    def likeness(display: str) -> float:
        matcher.set_seq1(display.lower()[:len(words)])
        return matcher.ratio()

    displays = dict.fromkeys(format.display for format in formats if format.display)
    return sorted(displays, key=likeness, reverse=True)[:3]
