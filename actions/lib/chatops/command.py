"""A message that may be a command: what it says, who said it, when and where."""
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from chatops.errors import Ignored, Refused

__all__ = ["Heard", "check_age", "check_clock", "check_harmless", "check_words", "command_in",
           "earliest", "prefix_filter"]

LONGEST_AGE = timedelta(minutes=5)
LARGEST_LEAD = timedelta(minutes=1)  # of HipChat's clock before StackStorm's
LONGEST_COMMAND = 1000  # characters
MOST_EQUALS = 5  # StackStorm's time to match grows threefold with each: 4 ms at 5, 838 at 10
STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'",
                          "\u2019": "'", "\u201a": "'"})


class Heard(NamedTuple):
    """A message: ids of room, person and message, how the person is mentioned, and the text."""

    room: int
    person: int
    mention: str
    message_id: str
    date: str
    text: str


def command_in(text: str, prefix: str) -> str:
    """What follows the prefix, with single blanks and straight quotes; Ignored if it is none."""
    matched = re.match(prefix_filter(prefix), text)
    command = re.sub(r"\s+", _blank, text[matched.end():]).strip() if matched else ""
    if not command:
        raise Ignored("It is no command.")
    return command.translate(STRAIGHT)


def prefix_filter(prefix: str) -> str:
    """The regular expression, good for RE2 too, of what begins a command."""
    return "^" + re.escape(prefix) + (r"\s" if prefix[-1].isalnum() else "")


def _blank(run: "re.Match") -> str:
    # Lines stay lines: what is said may have several.
    return "\n" if "\n" in run.group() else " "


def said_at(date: str) -> datetime:
    """When a message was said; Ignored for a date that cannot be read."""
    try:
        said = datetime.fromisoformat(date.replace("Z", "+00:00"))
    except ValueError:
        said = None
    if said is None or said.tzinfo is None:
        raise Ignored(f"The message has no date that can be read: {date!r}.")
    return said.astimezone(timezone.utc)


def earliest(heard: Heard) -> str:
    """The time, as StackStorm writes it, after which all begins that comes of a message."""
    # Nobody hears what is not said yet, but by a clock that is wrong.
    return (said_at(heard.date) - 2 * LARGEST_LEAD).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check_clock(date: str, now: datetime) -> None:
    """Refused for a message more than one minute ahead of our clock."""
    lead = said_at(date) - now
    if lead > LARGEST_LEAD:
        raise Refused("HipChat's clock is {} minutes ahead of StackStorm's, so that nobody can "
                      "tell how old this is. The clocks must be set right first.".format(
                          int(lead.total_seconds() // 60)))


def check_age(date: str, now: datetime) -> None:
    """Refused for a message older than five minutes."""
    age = now - said_at(date)
    if age > LONGEST_AGE:
        raise Refused("That was said {} minutes ago, and is too old to be run now. Say it again if "
                      "you still want it.".format(int(age.total_seconds() // 60)))


def check_words(command: str) -> None:
    """Ignored for what hardly is meant as a command: `!!!`."""
    if not command[0].isalnum():
        raise Ignored(f"It is no command: {command!r}.")


def check_harmless(command: str) -> None:
    """Refused for a text on which StackStorm's matching, which is exponential, might hang."""
    if len(command) > LONGEST_COMMAND:
        raise Refused("A command has at most {} characters; this has {}.".format(
            LONGEST_COMMAND, len(command)))
    if command.count("=") > MOST_EQUALS:
        raise Refused("A command has at most {} equals signs; this has {}.".format(
            MOST_EQUALS, command.count("=")))
