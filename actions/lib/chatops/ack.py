"""Formats the acknowledgement of a started command."""
from typing import Any, Dict, Optional

from chatops.reply import Reply, is_private, parted, styled

__all__ = ["ack_of"]


def ack_of(started: Dict[str, Any]) -> Optional[Reply]:
    """Return the acknowledgement of a command; None if its alias disables it."""
    ack = started["actionalias"].get("ack") or {}
    if ack.get("enabled") is False:
        return None
    execution = started["execution"]
    url = execution.get("web_url") or ""
    text, code = parted(started.get("message") or
                        f"Running {execution['action']['ref']}.")
    if ack.get("append_url") is not False and url:
        text += f" (details available at {url})"
    reply = Reply(text, code, color="gray", web_url=url)
    extra = started.get("extra")
    # It is a text where StackStorm could not render it.
    return styled(reply, extra) if isinstance(extra, dict) else (
        reply._replace(private=is_private(ack.get("extra"))))
