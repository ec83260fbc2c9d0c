"""The errors of ChatOps: what is wrong with a command, or with a call to StackStorm."""
from typing import Optional

from hipchat.errors import HipChatError

__all__ = ["CommandForbidden", "CommandRejected", "CommandTooOld", "NotACommand", "StackStormError"]


class NotACommand(HipChatError):
    """A chat message is no command, so it gets no reply. The error's message is for the log."""


class CommandRejected(HipChatError):
    """The pack does not run a command. The error's message is the reply: why, and what to do."""


class CommandForbidden(CommandRejected):
    """The requester is not allowed to run the command, an alias with this full name."""

    def __init__(self, command: str):
        self.command = command
        super().__init__(f"You may not run {command} here.")


class CommandTooOld(HipChatError):
    """The message with the command was posted so many minutes ago that it is not run now."""

    def __init__(self, minutes: int):
        self.minutes = minutes
        super().__init__(f"It was posted {minutes} minutes ago.")


class StackStormError(HipChatError):
    """StackStorm's API refused a call, or did not respond to it.

    Attributes:
        status: the HTTP status; None if there was no response, or none that can be read.
        message: the first line of StackStorm's error message; without one, the kind of failure.
    """

    def __init__(self, call: str, status: Optional[int] = None, message: str = ""):
        self.status, self.message = status, message
        super().__init__(f"StackStorm answered {status} to {call}: {message}" if status
                         else f"StackStorm did not answer {call}: {message}")
