"""Why a command is not run, and what goes wrong between the pack and StackStorm."""
from typing import Optional

from hipchat.errors import HipChatError

__all__ = ["NotACommand", "CommandRejected", "StackStormError"]


class NotACommand(HipChatError):
    """Nothing is said of it in the room; the text is for the execution's result."""


class CommandRejected(HipChatError):
    """The person is told in the room, with this text, what was wrong and what to do."""


class StackStormError(HipChatError):
    """StackStorm's API refused a call, or did not answer.

    status: its HTTP status, None without an answer; words: the first line of its own message.
    """

    def __init__(self, call: str, status: Optional[int] = None, words: str = ""):
        self.status, self.words = status, words
        super().__init__(f"StackStorm answered {status} to {call}: {words}" if status
                         else f"StackStorm did not answer {call}: {words}")
