"""What is told of a command that begins: what its alias wants said."""
from typing import Any, Dict, Optional

from chatops.answer import Answer, is_private, parted, styled

__all__ = ["ack_of"]


def ack_of(started: Dict[str, Any]) -> Optional[Answer]:
    """What is said when a command begins; None where its alias wants nothing said."""
    ack = started["actionalias"].get("ack") or {}
    if ack.get("enabled") is False:
        return None
    execution = started["execution"]
    url = execution.get("web_url") or ""
    text, code = parted(started.get("message") or
                        f"Running {execution['action']['ref']}.")
    if ack.get("append_url") is not False and url:
        text += f" (details available at {url})"
    answer = Answer(text, code, color="gray", web_url=url)
    extra = started.get("extra")
    # It is a text where StackStorm could not render it.
    return styled(answer, extra) if isinstance(extra, dict) else (
        answer._replace(private=is_private(ack.get("extra"))))
