"""Formats the acknowledgement of a started command, as the `ack` of its alias says."""
from typing import Any, Dict, Optional

from chatops.reply import Reply, is_private, split_message, styled

__all__ = ["ack_of"]


def ack_of(started: Dict[str, Any]) -> Optional[Reply]:
    """Return the acknowledgement of a started command; None if the alias disables the ack.

    Args:
        started: StackStorm's response to the start: execution, actionalias (the alias), and usually
            message and extra, which StackStorm has rendered from the alias's ack.
    """
    ack = started["actionalias"].get("ack") or {}
    if ack.get("enabled") is False:
        return None
    execution = started["execution"]
    url = execution.get("web_url") or ""
    text, code = split_message(started.get("message") or f"Running {execution['action']['ref']}.")
    if ack.get("append_url") is not False and url:
        text += f" (details available at {url})"
    reply = Reply(text, code, color="gray", web_url=url)
    extra = started.get("extra")
    # If StackStorm could not render `extra`, it is a string.
    return styled(reply, extra) if isinstance(extra, dict) else (
        reply._replace(private=is_private(ack.get("extra"))))
