"""Whether a message was seen before: a command runs once, though deliveries may come twice."""
import time
from typing import Any, Dict

from chatops.command import ChatMessage, earliest
from chatops.errors import StackStormError
from chatops.stackstorm import StackStorm

__all__ = ["REPEATED", "is_repeated"]

ACTION = "hipchat.run_command"
REPEATED = "repeated"  # the outcome of an execution that left a message to another
NOT_BEGUN = ("requested", "scheduled", "delayed")
ENDED = ("succeeded", "failed", "timeout", "abandoned", "canceled")
PATIENCE, PAUSE = 30.0, 0.2  # seconds
HIDDEN = ("it shows not even this execution, which so cannot see whether another has the command. "
          "With permission_isolation, the user of chatops.api_key must be an admin")


def is_repeated(message: ChatMessage, execution_id: str, stackstorm: StackStorm,
                patience: float) -> bool:
    """Whether this message is another execution's to run.

    patience: the seconds that one may take to leave it, beside what StackStorm itself takes.

    StackStorm stores an execution before it starts, so of two that hear a message at least one
    sees the other. The one with the greater id leaves it to the other, and says so in its result;
    the one with the smaller id waits for that: where the other has not seen it, the other has run.
    One that has not begun yet is bound to see it.
    """
    seen = list(stackstorm.executions_since(ACTION, earliest(message)))
    if execution_id not in (each["id"] for each in seen):
        raise StackStormError("GET /v1/executions", words=HIDDEN)
    others = [each for each in seen if _is_of(each, message) and each["id"] != execution_id]
    if any(other["id"] < execution_id for other in others):
        return True
    return any(not _has_left_it(other, stackstorm, patience) for other in others)


def _is_of(execution: Dict[str, Any], message: ChatMessage) -> bool:
    parameters = execution.get("parameters") or {}
    return (parameters.get("message_id"), parameters.get("room")) == (
        message.message_id, message.room_id)


def _has_left_it(execution: Dict[str, Any], stackstorm: StackStorm, patience: float) -> bool:
    deadline = time.monotonic() + PATIENCE + patience
    execution = stackstorm.execution(execution["id"])
    if execution["status"] in NOT_BEGUN:
        return True
    while execution["status"] not in ENDED and time.monotonic() < deadline:
        time.sleep(PAUSE)
        execution = stackstorm.execution(execution["id"])
    result = (execution.get("result") or {}).get("result")
    return isinstance(result, dict) and result.get("outcome") == REPEATED
