"""Finds the command that started an execution."""
import hashlib
import re
from typing import Any, Dict, Optional

from chatops.stackstorm import StackStorm

__all__ = ["command_key", "room_of", "root_of", "source_of"]

_IDENTIFIER = re.compile(r"[0-9A-Za-z-]{1,64}")


def command_key(message_id: str) -> str:
    """Return the key of a command in StackStorm: the message's ID, or its hash.

    StackStorm's notifier evaluates templates in the key, so it must be a plain identifier.
    """
    return message_id if _IDENTIFIER.fullmatch(message_id) else (
        hashlib.sha256(message_id.encode("utf-8", "replace")).hexdigest())


def room_of(execution: Dict[str, Any]) -> Optional[int]:
    """Return the ID of the room whose command started an execution; None without a command."""
    context = execution.get("context") or {}
    room = str(context.get("source_channel", ""))
    return int(room) if context.get("action_alias_ref") and room.isdecimal() else None


def root_of(execution: Dict[str, Any], stackstorm: StackStorm) -> Dict[str, Any]:
    """Return the outermost parent of an execution; itself if it has no parent."""
    while execution.get("parent"):
        execution = stackstorm.execution(execution["parent"])
    return execution


def source_of(execution: Dict[str, Any]) -> Dict[str, Any]:
    """Return the source_context of the call that started an execution, or {}.

    It is lost if the action has its own notify section, which replaces that of the call.
    """
    notify = ((execution.get("liveaction") or {}).get("notify") or {}).get("on-complete") or {}
    return (notify.get("data") or {}).get("source_context") or {}
