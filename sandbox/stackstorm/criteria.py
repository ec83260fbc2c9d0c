"""Rule criteria: StackStorm's operators, with its behaviour on null."""

import datetime
import fnmatch
import re
from typing import Any, Callable, Dict, Optional

from sandbox.stackstorm import templates
from sandbox.stackstorm.errors import Invalid


def _age(date: str, now: datetime.datetime) -> float:
    """Return the seconds since a date in ISO 8601, in UTC by default."""
    then = datetime.datetime.fromisoformat(date.replace("Z", "+00:00"))
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.timezone.utc)
    return (now - then).total_seconds()


# One name per operator; as in StackStorm, most of them raise if the value is null.
_BY_NAME: Dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda value, pattern: value == pattern,
    "nequals": lambda value, pattern: value != pattern,
    "iequals": lambda value, pattern: value.lower() == pattern.lower(),
    "contains": lambda value, pattern: pattern in value,
    "icontains": lambda value, pattern: pattern.lower() in value.lower(),
    "ncontains": lambda value, pattern: pattern not in value,
    "incontains": lambda value, pattern: pattern.lower() not in value.lower(),
    "startswith": lambda value, pattern: value.startswith(pattern),
    "istartswith": lambda value, pattern: value.lower().startswith(pattern.lower()),
    "endswith": lambda value, pattern: value.endswith(pattern),
    "iendswith": lambda value, pattern: value.lower().endswith(pattern.lower()),
    "inside": lambda value, pattern: value in pattern,
    "ninside": lambda value, pattern: value not in pattern,
    "lessthan": lambda value, pattern: value < pattern,
    "greaterthan": lambda value, pattern: value > pattern,
    "matchwildcard": fnmatch.fnmatch,
    "matchregex": lambda value, pattern: bool(re.match(pattern, value, re.DOTALL)),
    "regex": lambda value, pattern: bool(re.search(pattern, value)),
    "iregex": lambda value, pattern: bool(re.search(pattern, value, re.IGNORECASE)),
    "exists": lambda value, _: value is not None,
    "nexists": lambda value, _: value is None,
}
_SHORT = {"eq": "equals", "neq": "nequals", "ieq": "iequals", "lt": "lessthan",
          "gt": "greaterthan", "in": "inside", "nin": "ninside", "td_lt": "timediff_lt",
          "td_gt": "timediff_gt"}
_BY_AGE: Dict[str, Callable[[float, float], bool]] = {
    "timediff_lt": lambda age, seconds: age < seconds,
    "timediff_gt": lambda age, seconds: age > seconds,
}
_WITHOUT_PATTERN = {"nequals", "exists", "nexists"}
_SEARCH = {"all": (all, all), "any": (any, all), "all2any": (all, any), "any2any": (any, any)}

OPERATORS = sorted([*_BY_NAME, *_BY_AGE, *_SHORT, "search"])

# Keys such as trigger.name[0].more are looked up here, others by StackStorm's JSONPath library.
_PLAIN_KEY = re.compile(r"[A-Za-z_@][\w@-]*(?:\.[A-Za-z_@][\w@-]*|\[\d+\])*")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def check(criteria: Dict[str, Any]) -> None:
    """Raise Invalid for criteria that no rule can have."""
    for key, criterion in criteria.items():
        operator = criterion.get("type")
        if operator not in OPERATORS:
            raise Invalid(f"criterion {key!r}: there is no operator {operator!r}")
        if criterion.get("pattern") is None:
            raise Invalid(f"criterion {key!r}: {operator!r} needs a pattern")
        path = key.split("#")[0]
        if not _PLAIN_KEY.fullmatch(path):
            templates.jsonpath(path)
        templates.check(criterion["pattern"])
        if operator == "search":
            check(criterion["pattern"])


def match(criteria: Dict[str, Any], payload: Any,
          now: Optional[datetime.datetime] = None) -> bool:
    """Return whether every criterion holds; raise the error of an operator that fails.

    Args:
        now: the current time for criteria on dates; by default the real one.
    """
    if criteria and not payload:
        return False
    now = now or datetime.datetime.now(datetime.timezone.utc)
    return all(_holds(key, criterion, {"trigger": payload}, now)
               for key, criterion in criteria.items())


def look_up(key: str, context: Dict[str, Any]) -> Any:
    """Return the value of a criterion's key in the context, or None."""
    # "#" and the text after it distinguish two criteria on one key.
    path = key.split("#")[0]
    value: Any = context
    if not _PLAIN_KEY.fullmatch(path):
        found = templates.jsonpath(path).find(context)
        return found[0].value if found else None
    for name, index in _STEP.findall("." + path):
        try:
            value = value[name or int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _holds(key: str, criterion: Dict[str, Any], context: Dict[str, Any],
           now: datetime.datetime) -> bool:
    operator = _SHORT.get(criterion["type"], criterion["type"])
    pattern = templates.render_pattern(criterion["pattern"], context)
    value = look_up(key, context)
    if operator == "search":
        return _search(value, pattern, criterion.get("condition"), now)
    if pattern is None and operator not in _WITHOUT_PATTERN:
        return False
    if operator in _BY_AGE:
        return _BY_AGE[operator](_age(value, now), float(pattern))
    return _BY_NAME[operator](value, pattern)


def _search(items: Any, criteria: Dict[str, Any], condition: Any,
            now: datetime.datetime) -> bool:
    if condition not in _SEARCH:
        raise Invalid(f"search: condition is {condition!r}, expected one of {', '.join(_SEARCH)}")
    of_items, of_criteria = _SEARCH[condition]
    return of_items(
        of_criteria(_holds(key, criterion, {"item": item}, now)
                    for key, criterion in criteria.items())
        for item in ([items] if isinstance(items, dict) else items))
