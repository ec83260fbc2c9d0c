"""The rules that carry ChatOps, which are disabled until somebody wants it."""
from typing import Any, Dict, List

from chatops.command import prefix_filter
from chatops.stackstorm import StackStorm

__all__ = ["RULES", "hears", "switch"]

HEARING = "hipchat.run_command"
RULES = (HEARING, "hipchat.tell_result", "hipchat.tell_inquiry")


def switch(stackstorm: StackStorm, prefix: str, enabled: bool) -> List[str]:
    """Enable the rules, or disable them; returns their refs."""
    for ref in RULES:
        rule = dict(stackstorm.rule(ref), enabled=enabled)
        if ref == HEARING:
            rule["trigger"] = {"type": rule["trigger"]["type"],
                               "parameters": dict(rule["trigger"]["parameters"],
                                                  filter=prefix_filter(prefix))}
        stackstorm.change_rule(rule)
    return list(RULES)


def hears(rule: Dict[str, Any], prefix: str) -> bool:
    """Whether the rule that hears commands listens to this prefix."""
    return (rule["trigger"].get("parameters") or {}).get("filter") == prefix_filter(prefix)
