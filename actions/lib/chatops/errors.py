"""The errors of ChatOps."""
from typing import Optional

from hipchat.errors import HipChatError

__all__ = ["CommandRejected", "CommandTooOld", "NotACommand", "StackStormError"]


class NotACommand(HipChatError):
    """The message is no command and gets no reply. The text, for the log, says why."""


class CommandRejected(HipChatError):
    """The command is wrong. The text, for the requester, says what to do."""


class CommandTooOld(HipChatError):
    """The command was posted too long ago to run it now.

    Attributes:
        minutes: its age.
    """

    def __init__(self, minutes: int):
        self.minutes = minutes
        super().__init__(f"It was posted {minutes} minutes ago.")


class StackStormError(HipChatError):
    """StackStorm's API refused a call, or did not respond.

    Attributes:
        status: HTTP status; None without a response.
        message: the first line of StackStorm's message, or the kind of failure.
    """

    def __init__(self, call: str, status: Optional[int] = None, message: str = ""):
        self.status, self.message = status, message
        super().__init__(f"StackStorm answered {status} to {call}: {message}" if status
                         else f"StackStorm did not answer {call}: {message}")
