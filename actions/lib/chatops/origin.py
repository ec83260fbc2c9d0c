"""Finds out which chat command, in which room, started an execution of StackStorm's."""
import hashlib
import re
from typing import Any, Dict, Optional

from chatops.stackstorm import StackStorm

__all__ = ["command_key", "room_of", "root_of", "source_of"]

_IDENTIFIER = re.compile(r"[0-9A-Za-z-]{1,64}")


def command_key(message_id: str) -> str:
    """Return the string by which a command is found again among StackStorm's executions.

    StackStorm's notifier evaluates templates in this string. So the string is the ID of the
    command's message if that is a plain identifier, or else a hash of the ID.
    """
    return message_id if _IDENTIFIER.fullmatch(message_id) else (
        hashlib.sha256(message_id.encode("utf-8", "replace")).hexdigest())


def room_of(execution: Dict[str, Any]) -> Optional[int]:
    """Return the ID of the room of the command that started an execution; None if none did."""
    context = execution.get("context") or {}
    room = str(context.get("source_channel", ""))
    return int(room) if context.get("action_alias_ref") and room.isdecimal() else None


def root_of(execution: Dict[str, Any], stackstorm: StackStorm) -> Dict[str, Any]:
    """Return an execution's outermost parent, such as a workflow; else the execution itself."""
    while execution.get("parent"):
        execution = stackstorm.execution(execution["parent"])
    return execution


def source_of(execution: Dict[str, Any]) -> Dict[str, Any]:
    """Return the source_context that the pack passed when it started an execution.

    Returns:
        room_id, requester_id and message_id (from command_key()), as strings; {} if there is none,
        for example because the action's own notify section replaced the call's.
    """
    notify = ((execution.get("liveaction") or {}).get("notify") or {}).get("on-complete") or {}
    return (notify.get("data") or {}).get("source_context") or {}
