"""Which command an execution comes of."""
import hashlib
import re
from typing import Any, Dict, Optional

from chatops.stackstorm import StackStorm

__all__ = ["command_key", "room_of", "root_of", "source_of"]

_IDENTIFIER = re.compile(r"[0-9A-Za-z-]{1,64}")


def command_key(message_id: str) -> str:
    """Return what a command is known by in StackStorm: the message's id, or its hash.

    StackStorm's notifier evaluates what it is given, so only what is an identifier goes there.
    """
    return message_id if _IDENTIFIER.fullmatch(message_id) else (
        hashlib.sha256(message_id.encode("utf-8", "replace")).hexdigest())


def room_of(execution: Dict[str, Any]) -> Optional[int]:
    """Return the id of the room whose command started an execution, None if none did."""
    context = execution.get("context") or {}
    room = str(context.get("source_channel", ""))
    return int(room) if context.get("action_alias_ref") and room.isdecimal() else None


def root_of(execution: Dict[str, Any], stackstorm: StackStorm) -> Dict[str, Any]:
    """Return the execution that this one is a part of, or itself."""
    while execution.get("parent"):
        execution = stackstorm.execution(execution["parent"])
    return execution


def source_of(execution: Dict[str, Any]) -> Dict[str, Any]:
    """Return what the call that started an execution said of the message; {} if it is not kept.

    An action with a notify section of its own takes the place of the call's.
    """
    notify = ((execution.get("liveaction") or {}).get("notify") or {}).get("on-complete") or {}
    return (notify.get("data") or {}).get("source_context") or {}
