"""Checks the length of a string against HipChat's limit, and shortens a too long message."""
from typing import List, Optional

from hipchat.errors import ParameterError

__all__ = ["LONGEST_MESSAGE", "check_length", "fitted"]

LONGEST_MESSAGE = 10000  # characters
CUT = " [...]"  # ends a message that was truncated


def check_length(name: str, text: Optional[str], least: int, most: int) -> None:
    """Raise ParameterError unless a parameter has `least` to `most` characters, or is None."""
    if text is not None and not least <= len(text) <= most:
        raise ParameterError(
            f"{name} has {len(text)} characters; HipChat takes {least} to {most}.")


def fitted(message: str, message_format: str, overflow: str) -> List[str]:
    """Make a message short enough for HipChat: truncate or split it if it is too long.

    A message is split at line ends. Only a line that is itself too long is split inside.

    Args:
        message_format: text or html.
        overflow: error, truncate or split. HTML is never cut, as a cut would break its tags.

    Raises:
        ParameterError: the message is empty, or is too long and must not be cut.
    """
    if overflow == "error" or message_format == "html" or not message:
        check_length("message", message, 1, LONGEST_MESSAGE)
    if len(message) <= LONGEST_MESSAGE:
        return [message]
    return [message[:LONGEST_MESSAGE - len(CUT)] + CUT] if overflow == "truncate" else (
        _split(message))


def _split(text: str) -> List[str]:
    parts = []
    while len(text) > LONGEST_MESSAGE:
        end = text.rfind("\n", 1, LONGEST_MESSAGE + 1)
        parts.append(text[:end] if end > 0 else text[:LONGEST_MESSAGE])
        text = text[end + 1:] if end > 0 else text[LONGEST_MESSAGE:]
    return parts + [text] if text else parts
