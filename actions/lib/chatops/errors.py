"""Why a command is not run, and what goes wrong between the pack and StackStorm."""
from typing import Optional

from hipchat.errors import HipChatError

__all__ = ["CommandRejected", "CommandTooOld", "NotACommand", "StackStormError"]


class NotACommand(HipChatError):
    """The message gets no reply; the text says why, for the log."""


class CommandRejected(HipChatError):
    """A command is wrong; the text, for its requester, says what to do."""


class CommandTooOld(HipChatError):
    """The command was said `minutes` ago, too long to be run now."""

    def __init__(self, minutes: int):
        self.minutes = minutes
        super().__init__(f"It was said {minutes} minutes ago.")


class StackStormError(HipChatError):
    """StackStorm's API refused a call, or did not answer.

    status: its HTTP status, None without an answer; words: the first line of its own message.
    """

    def __init__(self, call: str, status: Optional[int] = None, words: str = ""):
        self.status, self.words = status, words
        super().__init__(f"StackStorm answered {status} to {call}: {words}" if status
                         else f"StackStorm did not answer {call}: {words}")
