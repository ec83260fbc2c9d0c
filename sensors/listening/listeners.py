"""Who listens to what: one listener for each StackStorm trigger."""
import logging
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from hipchat.errors import ParameterError
from hipchat.events import EVENTS, Event
from hipchat.filters import Filter, FilterSet
from hipchat.settings import room_key
from hipchat.webhook_url import Address

__all__ = ["Listener", "Listeners"]

PARAMETERS = ("room", "filter")


class Listener(NamedTuple):
    """A trigger as its parameters state it; room None means every room of the config."""

    ref: str
    trigger_id: str
    event: Event
    room: Optional[str]
    filter: Optional[Filter]

    @classmethod
    def of_trigger(cls, trigger: Dict[str, Any]) -> "Listener":
        """Read a trigger as StackStorm gives it to sensors (StackStorm checks no parameters).

        ParameterError names the trigger, the parameter, and what to do.
        """
        event = EVENTS.get(trigger["type"].partition(".")[2])
        if event is None:
            raise _wrong(trigger, "its type is none of this pack's")
        parameters = trigger.get("parameters") or {}
        for name in sorted(set(parameters) - set(PARAMETERS)):
            raise _wrong(trigger, "it has the parameter {!r}, but there are only room and filter"
                         .format(name))
        return cls(trigger["ref"], str(trigger["id"]), event, _room(trigger, parameters),
                   _filter(trigger, parameters, event))


def _room(trigger: Dict[str, Any], parameters: Dict[str, Any]) -> Optional[str]:
    if "room" not in parameters:
        return None
    try:
        return room_key(parameters["room"])
    except ValueError as error:
        raise _wrong(trigger, "its room is {!r}, but it {}; leave room out to hear every room of "
                     "the pack's config".format(parameters["room"], error))


def _filter(trigger: Dict[str, Any], parameters: Dict[str, Any],
            event: Event) -> Optional[Filter]:
    if "filter" not in parameters:
        return None
    pattern = parameters["filter"]
    if event.text is None:
        raise _wrong(trigger, "it has a filter, but this event carries no text; use the rule's "
                     "criteria instead")
    if not isinstance(pattern, str):
        raise _wrong(trigger, "its filter {!r} must be a string".format(pattern))
    try:
        return Filter(pattern)
    except ValueError as error:
        raise _wrong(trigger, "its filter {!r} does not compile: {}; see RE2's syntax (it has no "
                     "look-around and no back-references)".format(pattern, error))


def _wrong(trigger: Dict[str, Any], reason: str) -> ParameterError:
    return ParameterError("The trigger {} ({}) hears nothing: {}. Correct the rule that has these "
                          "trigger parameters.".format(trigger["ref"], trigger["type"], reason))


class Listeners:
    """All listeners, as StackStorm adds, changes and removes triggers.

    rooms, events: where listeners without a room listen (the pack's config). only_rooms: where
    this node listens at all, everywhere if empty. changed is called after each change; version
    counts the changes. Adding is idempotent and never raises for a
    trigger with wrong parameters, which hears nothing.
    """

    def __init__(self, rooms: List[str], events: List[str], log: logging.Logger,
                 changed: Callable[[], None], only_rooms: Sequence[str] = ()):
        self._rooms, self._events, self._only_rooms = rooms, events, only_rooms
        self._log, self._changed = log, changed
        self._triggers: Dict[str, Dict[str, Any]] = {}
        self._wrong: Dict[str, ParameterError] = {}
        self._listeners: Dict[str, Listener] = {}
        self._by_address: Dict[Address, Dict[str, Listener]] = {}
        self._filters: Dict[Address, FilterSet] = {}
        self.version = 0

    def add(self, trigger: Dict[str, Any]) -> None:
        """Add a trigger, or take its new parameters."""
        known = self._triggers.get(trigger["ref"])
        if known is not None and known.get("parameters") == trigger.get("parameters"):
            return
        self.remove(trigger)
        self._triggers[trigger["ref"]] = trigger
        try:
            listener = Listener.of_trigger(trigger)
        except ParameterError as error:
            self._log.debug("%s", error)
            self._wrong[trigger["ref"]] = error
            return
        self._listeners[listener.ref] = listener
        for address in self._addresses(listener):
            self._by_address.setdefault(address, {})[listener.ref] = listener
            self._filters.pop(address, None)
        self._note_change()

    def remove(self, trigger: Dict[str, Any]) -> None:
        """Forget a trigger; an unknown one is no error."""
        self._triggers.pop(trigger["ref"], None)
        self._wrong.pop(trigger["ref"], None)
        listener = self._listeners.pop(trigger["ref"], None)
        if listener is None:
            return
        for address in self._addresses(listener):
            del self._by_address[address][listener.ref]
            self._filters.pop(address, None)
            if not self._by_address[address]:
                del self._by_address[address]
        self._note_change()

    def replace(self, triggers: List[Dict[str, Any]]) -> None:
        """Take these triggers for all that there are."""
        refs = {trigger["ref"] for trigger in triggers}
        for gone in [known for ref, known in self._triggers.items() if ref not in refs]:
            self.remove(gone)
        for trigger in triggers:
            self.add(trigger)

    def hearing(self, event: str, rooms: Iterable[str]) -> List[Listener]:
        """Those that hear an event (HipChat's name) in a room that goes by these names."""
        found: Dict[str, Listener] = {}
        for room in rooms:
            found.update(self._by_address.get(Address(event, room), {}))
        return list(found.values())

    def matching(self, event: str, rooms: Iterable[str],
                 text: str) -> Optional[List[Tuple[Listener, List[str]]]]:
        """Those of hearing() whose filter is found in the text, with its groups.

        None where nobody hears. Only filters that a first pass over all leaves are run.
        """
        heard, found = False, {}
        for address in (Address(event, room) for room in rooms):
            listeners = list(self._by_address.get(address, {}).values())
            if not listeners:
                continue
            heard = True
            if address not in self._filters:
                self._filters[address] = FilterSet([each.filter for each in listeners])
            for place in self._filters[address].candidates(text):
                listener = listeners[place]
                groups = listener.filter.groups(text) if listener.filter else []
                if groups is not None:
                    found[listener.ref] = (listener, groups)
        return list(found.values()) if heard else None

    def refs(self, room: str) -> Set[str]:
        """The triggers that want a room."""
        return {ref for address, listeners in self._by_address.items() if address.room == room
                for ref in listeners}

    def wrong(self) -> Dict[str, ParameterError]:
        """What is wrong with the triggers that hear nothing, by ref."""
        return dict(self._wrong)

    def wanted(self) -> Set[Address]:
        """The events and rooms for which HipChat needs a webhook."""
        return set(self._by_address)

    def _addresses(self, listener: Listener) -> Set[Address]:
        if listener.room is not None:
            rooms = [listener.room]
        else:
            rooms = self._rooms if listener.event.name in self._events else []
        return {Address(listener.event.hipchat, room) for room in rooms
                if not self._only_rooms or room in self._only_rooms}

    def _note_change(self) -> None:
        self.version += 1
        self._changed()
