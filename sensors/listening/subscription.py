"""A subscription: an enabled rule's trigger, with its checked parameters room and filter."""
from typing import Any, Dict, NamedTuple, Optional

from hipchat.errors import ParameterError
from hipchat.events import EVENTS, Event
from hipchat.text.filters import Filter
from hipchat.text.room_reference import room_key

__all__ = ["Subscription"]

PARAMETERS = ("room", "filter")


class Subscription(NamedTuple):
    """States for which event, room and messages (or topics) a rule's trigger is.

    Attributes:
        ref: identifies the trigger in StackStorm by name.
        room: a room name or ID; None for the rooms in the config.
        filter: the pattern that the message or topic must match; None accepts all.
    """

    ref: str
    trigger_id: str
    event: Event
    room: Optional[str]
    filter: Optional[Filter]

    @classmethod
    def of_trigger(cls, trigger: Dict[str, Any]) -> "Subscription":
        """Create the subscription of a trigger; check its parameters, which StackStorm does not.

        Raises:
            ParameterError: a parameter is wrong, or the trigger's type is not one of the pack's.
        """
        event = EVENTS.get(trigger["type"].partition(".")[2])
        if event is None:
            raise _wrong(trigger, "this pack has no such trigger type")
        parameters = trigger.get("parameters") or {}
        for name in sorted(set(parameters) - set(PARAMETERS)):
            raise _wrong(trigger, f"it has the parameter {name!r}, but only room and filter exist")
        return cls(trigger["ref"], str(trigger["id"]), event, _room(trigger, parameters),
                   _filter(trigger, parameters, event))


def _room(trigger: Dict[str, Any], parameters: Dict[str, Any]) -> Optional[str]:
    if "room" not in parameters:
        return None
    try:
        return room_key(parameters["room"])
    except ValueError as error:
        raise _wrong(trigger, f"its room is {parameters['room']!r}, but it {error}; leave room out "
                     "for every room of the pack's config")


def _filter(trigger: Dict[str, Any], parameters: Dict[str, Any],
            event: Event) -> Optional[Filter]:
    if "filter" not in parameters:
        return None
    pattern = parameters["filter"]
    if event.text is None:
        raise _wrong(trigger, "it has a filter, but this event carries no text; use the rule's "
                     "criteria instead")
    if not isinstance(pattern, str):
        raise _wrong(trigger, f"its filter {pattern!r} must be a string")
    try:
        return Filter(pattern)
    except ValueError as error:
        raise _wrong(trigger, f"its filter {pattern!r} does not compile: {error}; see RE2's syntax "
                     "(it has no look-around and no back-references)")


def _wrong(trigger: Dict[str, Any], reason: str) -> ParameterError:
    return ParameterError(f"The trigger {trigger['ref']} ({trigger['type']}) receives nothing: "
                          f"{reason}. Correct the rule that has these trigger parameters.")
