"""Traces a chat command: finds the executions that the sensor has started for a message."""

from typing import Any, Callable, Dict, Iterator

Step = Dict[str, str]


def command_steps(message_id: str, get: Callable[[str], Any],
                  action_step: Callable[[str], Step]) -> Iterator[Step]:
    """Yield a step for each execution of a command; none for a message that is no command.

    Args:
        message_id: the message's ID.
        get: returns the response of StackStorm's API to GET /v1/PATH.
        action_step: returns the step of an execution, by its ID.
    """
    for execution in reversed(get("executions")):
        notify = execution.get("liveaction", {}).get("notify", {}).get("on-complete", {})
        source = notify.get("data", {}).get("source_context") or {}
        if source.get("message_id") == message_id:
            yield dict(action_step(execution["id"]), kind="command")
