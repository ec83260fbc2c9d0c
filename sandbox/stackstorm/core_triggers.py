"""The trigger types of StackStorm's own pack `core`."""

from typing import Any, Dict, List

from sandbox.stackstorm.triggers import TriggerType

PACK = "core"

_TEXT = {"type": "string"}
_TIMER_PAYLOAD = {"type": "object", "properties": {
    "executed_at": _TEXT, "schedule": {"type": "object"}}}
_CRON_FIELDS = {"month": (1, 12), "day": (1, 31), "week": (1, 53), "day_of_week": (0, 6),
                "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}
_NUMBER_OR_TEXT: Dict[str, Any] = {"anyOf": [_TEXT, {"type": "integer"}]}


def _parameters(**properties: Any) -> Dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


DEFINITIONS: List[Dict[str, Any]] = [
    {"name": "st2.webhook",
     "parameters_schema": _parameters(url=dict(_TEXT, required=True)),
     "payload_schema": {"type": "object", "properties": {
         "headers": {"type": "object"}, "body": {"anyOf": [{"type": "array"},
                                                           {"type": "object"}]}}}},
    {"name": "st2.IntervalTimer", "payload_schema": _TIMER_PAYLOAD,
     "parameters_schema": _parameters(
         timezone=_TEXT, delta={"type": "integer", "required": True},
         unit={"type": "string", "required": True,
               "enum": ["weeks", "days", "hours", "minutes", "seconds"]})},
    {"name": "st2.DateTimer", "payload_schema": _TIMER_PAYLOAD,
     "parameters_schema": _parameters(timezone=_TEXT, date=dict(_TEXT, required=True))},
    {"name": "st2.CronTimer", "payload_schema": _TIMER_PAYLOAD,
     "parameters_schema": _parameters(timezone=_TEXT, year=_NUMBER_OR_TEXT, **{
         name: dict(_NUMBER_OR_TEXT, minimum=least, maximum=most)
         for name, (least, most) in _CRON_FIELDS.items()})},
    # StackStorm does not check the payloads of its own triggers.
    *({"name": name} for name in (
        "st2.generic.actiontrigger", "st2.generic.notifytrigger", "st2.generic.inquiry",
        "st2.action.file_written",
        "st2.sensor.process_spawn", "st2.sensor.process_exit", "st2.key_value_pair.create",
        "st2.key_value_pair.update", "st2.key_value_pair.value_change",
        "st2.key_value_pair.delete")),
]
TIMERS = {f"{PACK}.st2.{kind}Timer" for kind in ("Interval", "Date", "Cron")}


def trigger_types() -> List[TriggerType]:
    """Return StackStorm's own trigger types."""
    return [TriggerType(PACK, definition) for definition in DEFINITIONS]
