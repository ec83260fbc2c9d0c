"""The path of a command: the executions that the sensor has started for a message."""

from typing import Any, Callable, Dict, Iterator

Step = Dict[str, str]


def command_steps(message_id: str, get: Callable[[str], Any],
                  action_step: Callable[[str], Step]) -> Iterator[Step]:
    """What a message led to; nothing where it is no command.

    get asks StackStorm's API; action_step makes a step of an execution's id.
    """
    for execution in reversed(get("executions")):
        notify = execution.get("liveaction", {}).get("notify", {}).get("on-complete", {})
        source = notify.get("data", {}).get("source_context") or {}
        if source.get("message_id") == message_id:
            yield dict(action_step(execution["id"]), kind="command")
