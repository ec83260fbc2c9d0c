"""The way of a command, from the action that heard it to the one that told its result."""

from typing import Any, Callable, Dict, Iterator

Step = Dict[str, str]

NOTIFY_TRIGGER = "core.st2.generic.notifytrigger"


def command_steps(hearing: str, get: Callable[[str], Any],
                  action_step: Callable[[str], Step]) -> Iterator[Step]:
    """What an execution of hipchat.run_command led to; nothing for another action's.

    get asks StackStorm's API; action_step makes a step of an execution's id.
    """
    result = (get("executions/" + hearing).get("result") or {}).get("result") or {}
    for execution_id in result.get("executions", []):
        yield dict(action_step(execution_id), kind="command")
        for instance in get("triggerinstances?trigger=" + NOTIFY_TRIGGER):
            if instance["payload"]["execution_id"] == execution_id:
                enforced = get("ruleenforcements?trigger_instance=" + instance["id"])
                yield from (action_step(each["execution_id"]) for each in enforced
                            if each["status"] == "succeeded")
                break
        else:
            yield {"kind": "trigger", "state": "waiting", "title": NOTIFY_TRIGGER, "detail": ""}
