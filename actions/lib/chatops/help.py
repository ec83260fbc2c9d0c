"""The built-in command `help`: lists the commands that a person is allowed to run in a room."""
import re
from typing import Iterable, Iterator, List, Tuple

from chatops.matching import Format, name_of
from chatops.reply import Reply

__all__ = ["help_on", "hidden_by", "nearest"]

LONG = 10  # lines; longer help is not posted in a room
BUILT_IN = ("help [word] - List all commands, or the commands of a pack or with a word.",
            "answer <id> <answer> - Answer a workflow's question.")
_BUILT_IN_WORD = re.compile(r"(?:\^|\\s\*|\(\?:|\()*(help|answer)(?=\s|\(|\||\)|$)", re.IGNORECASE)


def help_on(word: str, formats: Iterable[Format], opening: str) -> Reply:
    """Return the reply to `help` or `help WORD`, which is private if it is long.

    The reply also names the aliases that `help WORD` matches, and that therefore cannot be run.

    Args:
        word: a pack, or a part of a command's line; "" for all commands.
        formats: the formats that the person is allowed to run in the room.
        opening: the beginning of a command, such as "!".
    """
    formats = list(formats)
    lines = list(dict.fromkeys(
        line for line, pack in _lines(formats)
        if word.lower() in line.lower() or word.lower() == pack.lower()))
    text = "You may run here:" if lines else (
        f'No command that you may run here has "{word}" in it. {opening}help lists all.')
    for name in sorted({name_of(format.alias) for format in formats
                        if hidden_by(format) and format.match(f"help {word}".strip())}):
        text = f"{name} cannot be run: help is built in. {text}"
    return Reply(text, "\n".join(opening + line for line in sorted(lines)),
                 prefer_private=len(lines) > LONG)


def _lines(formats: Iterable[Format]) -> Iterator[Tuple[str, str]]:
    """Yield (line, pack) for each command with a display, as StackStorm's own help does."""
    for line in BUILT_IN:
        yield line, ""
    for format in formats:
        if format.display:
            hidden = hidden_by(format)
            about = f"(cannot be run: {hidden} is built in)" if hidden else (
                format.alias.get("description") or "")
            yield " - ".join(filter(None, [format.display, about])), str(format.alias["pack"])


def hidden_by(format: Format) -> str:
    """Return the built-in command with which a format begins, and which runs instead; or ""."""
    match = _BUILT_IN_WORD.match(format.representation)
    return match.group(1).lower() if match else ""


def nearest(command: str, formats: Iterable[Format]) -> List[str]:
    """Return the displays of up to three formats that a mistyped command is most similar to."""
    from difflib import SequenceMatcher  # here, since only mistyped commands need it

    typed = command.lower()
    matcher = SequenceMatcher(b=typed)

    def likeness(display: str) -> float:
        matcher.set_seq1(display.lower()[:len(typed)])
        return matcher.ratio()

    displays = dict.fromkeys(format.display for format in formats if format.display)
    return sorted(displays, key=likeness, reverse=True)[:3]
