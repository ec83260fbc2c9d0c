"""The rules that carry ChatOps, which are disabled until somebody wants it."""
from typing import Any, Dict

from chatops.command import prefix_filter
from chatops.stackstorm import StackStorm

__all__ = ["HEARING", "RULES", "disable", "enable", "hears"]

HEARING = "hipchat.run_command"
RULES = (HEARING, "hipchat.tell_result", "hipchat.tell_inquiry")


def enable(stackstorm: StackStorm, prefix: str) -> None:
    """Enable the rules, and let the first hear what begins with the prefix."""
    for ref in RULES:
        rule = dict(stackstorm.rule(ref), enabled=True)
        if ref == HEARING:
            rule["trigger"] = {"type": rule["trigger"]["type"],
                               "parameters": dict(rule["trigger"]["parameters"],
                                                  filter=prefix_filter(prefix))}
        stackstorm.change_rule(rule)


def disable(stackstorm: StackStorm) -> None:
    """Disable the rules."""
    for ref in RULES:
        stackstorm.change_rule(dict(stackstorm.rule(ref), enabled=False))


def hears(rule: Dict[str, Any], prefix: str) -> bool:
    """Whether the rule that hears commands listens to this prefix."""
    return (rule["trigger"].get("parameters") or {}).get("filter") == prefix_filter(prefix)
