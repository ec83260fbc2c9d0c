"""Finds the command in a chat message, and checks the message's age and the command's size."""
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from chatops.errors import CommandRejected, CommandTooOld, NotACommand

__all__ = ["ChatMessage", "check_age", "check_harmless", "check_words", "command_in",
           "prefix_filter"]

LONGEST_AGE = timedelta(minutes=5)
LONGEST_COMMAND = 1000  # characters
MOST_EQUALS = 5  # each "=" triples StackStorm's time to match: 4 ms at 5 of them, 838 ms at 10
STRAIGHT = str.maketrans({"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'",
                          "\u2019": "'", "\u201a": "'"})
# The dash into which smart punctuation turns "--" before an option; not a dash between words.
SMART_DASH = re.compile(r"(?<![^\s\"'=])[\u2013\u2014](?=\w)")
# Zero-width characters and byte order marks, which copied text may contain. The template guard
# inserts none before or right after a prefix.
INVISIBLE = "[\u200b\u200c\u200d\u2060\ufeff]*"


class ChatMessage(NamedTuple):
    """A chat message that may be a command.

    Attributes:
        room_id, requester_id: HipChat's IDs of the room, and of the person who wrote the message.
        mention_name: the requester's mention name, without "@"; "" to mention no one in replies.
        message_id: HipChat's ID of the message; a random ID if HipChat sent none.
        date: when the message was posted, in ISO 8601, as HipChat sent it (unchecked).
        text: the whole message, prefix included. Its Jinja expressions are made harmless, so that
            StackStorm does not evaluate them (hipchat/text/template_guard.py).
    """

    room_id: int
    requester_id: int
    mention_name: str
    message_id: str
    date: str
    text: str


def command_in(text: str, prefix: str) -> str:
    """Return the text after the prefix, such as "!"; raise NotACommand if there is none.

    Each run of blanks becomes one blank (or line end); curly quotes and long dashes, which phones
    type, become plain ones.
    """
    matched = re.match(prefix_filter(prefix), text)
    # A command may have several lines, for example in a message to post.
    command = re.sub(r"\s+", lambda run: "\n" if "\n" in run.group() else " ",
                     text[matched.end():]).strip() if matched else ""
    if not command:
        raise NotACommand("It is no command.")
    return SMART_DASH.sub("--", command.translate(STRAIGHT))


def prefix_filter(prefix: str) -> str:
    """Return a regular expression (for `re` and RE2) that matches a prefix where a message begins.

    The expression ignores case, because a phone capitalizes the first letter of a message.
    """
    word_ends = r"\s" if prefix[-1].isalnum() else ""
    return f"(?i)^{INVISIBLE}{re.escape(prefix)}{word_ends}{INVISIBLE}"


def said_at(date: str) -> datetime:
    """Return a message's date as a time in UTC; raises NotACommand if the date is invalid."""
    try:
        moment = datetime.fromisoformat(date.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise NotACommand(f"The message has no valid date: {date!r}.")
    return moment.astimezone(timezone.utc)


def check_age(date: str, now: datetime) -> None:
    """Raise CommandTooOld if a message's date (ISO 8601) is more than five minutes before `now`.

    Both times are by HipChat's clock. Raises NotACommand if the date is invalid.
    """
    age = now - said_at(date)
    if age > LONGEST_AGE:
        raise CommandTooOld(int(age.total_seconds() // 60))


def check_words(command: str) -> None:
    """Raise NotACommand for `!!!` and others that begin with neither a letter nor a digit."""
    if not command[0].isalnum():
        raise NotACommand(f"It is no command: {command!r}.")


def check_harmless(command: str) -> None:
    """Raise CommandRejected for a command that is too long, or has too many equals signs.

    StackStorm's matching takes exponential time in the number of equals signs.
    """
    if len(command) > LONGEST_COMMAND:
        raise CommandRejected(f"A command has at most {LONGEST_COMMAND} characters; this one has "
                              f"{len(command)}.")
    if command.count("=") > MOST_EQUALS:
        raise CommandRejected(f"A command has at most {MOST_EQUALS} equals signs; this one has "
                              f"{command.count('=')}.")
