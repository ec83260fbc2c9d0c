"""A message that may be a command: what it says, who said it, when and where."""
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from chatops.errors import CommandRejected, CommandTooOld, NotACommand

__all__ = ["ChatMessage", "check_age", "check_harmless", "check_words", "command_in",
           "prefix_filter"]

LONGEST_AGE = timedelta(minutes=5)
LONGEST_COMMAND = 1000  # characters
MOST_EQUALS = 5  # StackStorm's time to match grows threefold with each: 4 ms at 5, 838 at 10
STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'",
                          "\u2019": "'", "\u201a": "'"})
# What smart punctuation makes of "--" before an option; a dash between words stays one.
SMART_DASH = re.compile(r"(?<![^\s\"'=])[\u2013\u2014](?=\w)")
# Zero-width characters and byte order marks, which come with text that was copied from elsewhere.
# The template guard puts none of its own before a prefix or right after one.
INVISIBLE = "[\u200b\u200c\u200d\u2060\ufeff]*"


class ChatMessage(NamedTuple):
    """A chat message that may be a command, and who wrote it where.

    mention_name: how the requester is mentioned, without "@"; date: in ISO 8601, as HipChat has it.
    """

    room_id: int
    requester_id: int
    mention_name: str
    message_id: str
    date: str
    text: str


def command_in(text: str, prefix: str) -> str:
    """Return what follows the prefix, with single blanks, straight quotes and plain dashes.

    Raises:
        NotACommand: the text does not begin with the prefix, or nothing follows it.
    """
    matched = re.match(prefix_filter(prefix), text)
    command = re.sub(r"\s+", _blank, text[matched.end():]).strip() if matched else ""
    if not command:
        raise NotACommand("It is no command.")
    return SMART_DASH.sub("--", command.translate(STRAIGHT))


def prefix_filter(prefix: str) -> str:
    """Return the regular expression, good for RE2 too, of what begins a command.

    A phone writes the first letter of a message as a capital: case is ignored.
    """
    word_ends = r"\s" if prefix[-1].isalnum() else ""
    return f"(?i)^{INVISIBLE}{re.escape(prefix)}{word_ends}{INVISIBLE}"


def _blank(run: "re.Match") -> str:
    # Lines stay lines: what is said may have several.
    return "\n" if "\n" in run.group() else " "


def said_at(date: str) -> datetime:
    """When a message was said; NotACommand for a date that cannot be read."""
    try:
        said = datetime.fromisoformat(date.replace("Z", "+00:00"))
    except ValueError:
        said = None
    if said is None or said.tzinfo is None:
        raise NotACommand(f"The message has no date that can be read: {date!r}.")
    return said.astimezone(timezone.utc)


def check_age(date: str, now: datetime) -> None:
    """Raise CommandTooOld for a message older than five minutes, both by HipChat's clock."""
    age = now - said_at(date)
    if age > LONGEST_AGE:
        raise CommandTooOld(int(age.total_seconds() // 60))


def check_words(command: str) -> None:
    """NotACommand for what hardly is meant as a command: `!!!`."""
    if not command[0].isalnum():
        raise NotACommand(f"It is no command: {command!r}.")


def check_harmless(command: str) -> None:
    """Raise CommandRejected for a text on which StackStorm's matching might hang.

    That matching takes exponential time.
    """
    if len(command) > LONGEST_COMMAND:
        raise CommandRejected("A command has at most {} characters; this has {}.".format(
            LONGEST_COMMAND, len(command)))
    if command.count("=") > MOST_EQUALS:
        raise CommandRejected("A command has at most {} equals signs; this has {}.".format(
            MOST_EQUALS, command.count("=")))
