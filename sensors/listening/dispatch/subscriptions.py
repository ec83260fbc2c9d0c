"""Who listens to what: one listener for each StackStorm trigger."""
import logging
from typing import (
    Any, Callable, Collection, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Set,
    Tuple, Union)

from hipchat.errors import ParameterError
from hipchat.events import EVENTS, Event
from hipchat.text.filters import Filter, FilterSet
from hipchat.text.room_reference import is_room_id, room_key
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import EVERYWHERE
from hipchat.webhook.webhook_url import Address

__all__ = ["COMMANDS", "Subscription", "Subscriptions"]

PARAMETERS = ("room", "filter")
COMMANDS = "chatops.rooms"  # stands for what takes commands, beside the refs of triggers
ANY_ROOM = -1  # stands for each room there is where one listens; no reference reads as this id


class Subscription(NamedTuple):
    """A trigger as its parameters state it; room: a name or an id, None for the config's rooms."""

    ref: str
    trigger_id: str
    event: Event
    room: Optional[str]
    filter: Optional[Filter]

    @classmethod
    def of_trigger(cls, trigger: Dict[str, Any]) -> "Subscription":
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
        raise _wrong(trigger, f"its filter {pattern!r} must be a string")
    try:
        return Filter(pattern)
    except ValueError as error:
        raise _wrong(trigger, "its filter {!r} does not compile: {}; see RE2's syntax (it has no "
                     "look-around and no back-references)".format(pattern, error))


def _wrong(trigger: Dict[str, Any], reason: str) -> ParameterError:
    return ParameterError("The trigger {} ({}) hears nothing: {}. Correct the rule that has these "
                          "trigger parameters.".format(trigger["ref"], trigger["type"], reason))


class Subscriptions:
    """All subscriptions, as StackStorm adds, changes and removes triggers.

    rooms, events: where subscriptions without a room listen (the pack's config), which may be
    [EVERYWHERE]. only_rooms: where this node listens at all, everywhere if empty. A listener for a
    name listens in the room that bears it in the directory; renew() heeds that this has changed.
    subscriptions_changed is called after each change; version counts the changes. Adding is
    idempotent and never raises for a trigger with wrong parameters, which hears nothing.
    """

    def __init__(self, rooms: List[str], events: List[str], directory: RoomDirectory,
                 log: logging.Logger, subscriptions_changed: Callable[[], None],
                 only_rooms: Sequence[str] = ()):
        self._rooms, self._events, self._only_rooms = rooms, events, only_rooms
        self._everywhere = rooms == [EVERYWHERE]
        self.command_addresses: FrozenSet[Address] = frozenset()
        if self._everywhere and only_rooms:
            self._rooms = list(only_rooms)
        self._directory, self._log = directory, log
        self._subscriptions_changed = subscriptions_changed
        self._triggers: Dict[str, Dict[str, Any]] = {}
        self._wrong: Dict[str, ParameterError] = {}
        self._subscriptions: Dict[str, Subscription] = {}
        self._places: Dict[str, Set[Address]] = {}  # where each listens, by its ref
        self._by_address: Dict[Address, Dict[str, Subscription]] = {}
        self._former: Dict[Address, Dict[str, Subscription]] = {}  # in rooms that are gone
        self._filters: Dict[Address, FilterSet] = {}
        self._directory_version = directory.version
        self._names: Optional[Set[str]] = None
        self._wanted: FrozenSet[Address] = frozenset()
        self._wanted_of: Optional[Tuple[int, int]] = None  # the versions that it is of
        self.version = 0

    def add(self, trigger: Dict[str, Any]) -> None:
        """Add a trigger, or take its new parameters."""
        known = self._triggers.get(trigger["ref"])
        if known is not None and known.get("parameters") == trigger.get("parameters"):
            return
        self.remove(trigger)
        self._triggers[trigger["ref"]] = trigger
        try:
            listener = Subscription.of_trigger(trigger)
        except ParameterError as error:
            self._log.debug("%s", error)
            self._wrong[trigger["ref"]] = error
            return
        self._subscriptions[listener.ref] = listener
        self._listen(listener)
        self._note_change()

    def remove(self, trigger: Dict[str, Any]) -> None:
        """Forget a trigger; an unknown one is no error."""
        self._triggers.pop(trigger["ref"], None)
        self._wrong.pop(trigger["ref"], None)
        if self._subscriptions.pop(trigger["ref"], None) is None:
            return
        for address, subscriptions in self._former.items():
            if subscriptions.pop(trigger["ref"], None):
                self._filters.pop(address, None)
        for address in self._places.pop(trigger["ref"]):
            del self._by_address[address][trigger["ref"]]
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

    def renew(self) -> None:
        """Listen where the rooms are that bear the names now."""
        if self._directory_version == self._directory.version:
            return
        self._directory_version = self._directory.version
        heard = {**self._former, **self._by_address}
        self._former = {address: subscriptions for address, subscriptions in heard.items()
                        if self._directory.name_of(address.room) is None}
        self._by_address, self._filters = {}, {}
        for listener in self._subscriptions.values():
            self._listen(listener)
        self._note_change()

    def hearing(self, address: Address) -> List[Subscription]:
        """Those that hear an event (HipChat's name) in a room.

        What was said in a room that is gone by now is heard by those that it was said to.
        """
        return [listener for place in self._places_of(address) for listener in self._at(place)]

    def matching(self, address: Address,
                 text: str) -> Optional[List[Tuple[Subscription, List[str]]]]:
        """Those of hearing() whose filter is found in the text, with its groups.

        None where nobody hears. Only filters that a first pass over all leaves are run.
        """
        places = self._places_of(address)
        if not places:
            return [] if address in self.command_addresses else None
        return [each for place in places for each in self._found(place, text)]

    def matching_elsewhere(self, address: Address,
                           text: str) -> Optional[List[Tuple[Subscription, List[str]]]]:
        """As matching(), in a room outside the share of this node."""
        if not self._only_rooms:
            return None
        heard = [listener for listener in self._subscriptions.values()
                 if self._would_hear(listener, address)]
        return list(_finding(heard, text)) if heard else None

    def _would_hear(self, listener: Subscription, address: Address) -> bool:
        """Whether a listener heard an address if this node had no share."""
        if listener.event.hipchat != address.event:
            return False
        if self._everywhere and listener.room is None:
            return listener.event.name in self._events
        return address.room in map(self._directory.id_of, self._references(listener))

    def _places_of(self, address: Address) -> List[Address]:
        """Where somebody hears what is of this address: there, and in any room."""
        return [place for place in (address, Address(address.event, ANY_ROOM)) if self._at(place)]

    def _at(self, place: Address) -> List[Subscription]:
        return list((self._by_address.get(place) or self._former.get(place, {})).values())

    def _found(self, address: Address, text: str) -> Iterator[Tuple[Subscription, List[str]]]:
        subscriptions = self._at(address)
        if address not in self._filters:
            self._filters[address] = FilterSet([each.filter for each in subscriptions])
        return _finding([subscriptions[place] for place in self._filters[address].candidates(text)],
                        text)

    def wrong(self) -> Dict[str, ParameterError]:
        """What is wrong with the triggers that hear nothing, by ref."""
        return dict(self._wrong)

    def wanted(self) -> FrozenSet[Address]:
        """The events and rooms for which HipChat needs a webhook, if no add-on hears them."""
        of = self.version, self._directory.version
        if self._wanted_of != of:  # it is asked for at each look at a room, of which are thousands
            self._wanted_of, self._wanted = of, self._work_out_wanted()
        return self._wanted

    def _work_out_wanted(self) -> FrozenSet[Address]:
        everywhere = {address.event for address in self._by_address if address.room == ANY_ROOM}
        named = (address for address in self._by_address if address.room != ANY_ROOM)
        return self._commands_here().union(named, (
            Address(event, room) for event in everywhere for room in self._directory.open_rooms()))

    def _commands_here(self) -> FrozenSet[Address]:
        """The events and rooms in which this node takes commands."""
        share = set(map(self._directory.id_of, self._only_rooms))
        return frozenset(address for address in self.command_addresses
                         if not share or address.room in share)

    def names(self) -> Set[str]:
        """The names by which rooms are called, in rules and in the config."""
        if self._names is None:  # asked for each delivery while the directory is not loaded
            called = set(self._only_rooms).union(
                *map(self._references, self._subscriptions.values()))
            self._names = {reference for reference in called
                           if reference != EVERYWHERE and not is_room_id(reference)}
        return self._names

    def lack_names(self) -> bool:
        """Whether rooms are called by names and HipChat has told of none: each may be meant."""
        return not self._directory.told and bool(self.names())

    def named(self) -> Set[int]:
        """The rooms, by id, that rules name."""
        rooms = {listener.room for listener in self._subscriptions.values()} - {None}
        return set(filter(None, map(self._directory.id_of, rooms)))

    def nameless(self) -> Dict[str, Set[str]]:
        """The names that no room bears, each with HipChat's events that are wanted there."""
        missing: Dict[str, Set[str]] = {}
        for listener in self._subscriptions.values():
            for reference in self._references(listener):
                if reference != EVERYWHERE and self._directory.id_of(reference) is None and (
                        not self._only_rooms or reference in self._only_rooms):
                    missing.setdefault(reference, set()).add(listener.event.hipchat)
        return missing

    def refs(self, rooms: Collection[Union[int, str]]) -> Dict[Union[int, str], Set[str]]:
        """The triggers that want each of these rooms: ids, and names that no room bears."""
        commands = {address.room for address in self.command_addresses}
        found: Dict[Union[int, str], Set[str]] = {
            room: {COMMANDS} if room in commands else set() for room in rooms}
        for ref, listener in self._subscriptions.items():
            for reference in self._references(listener):
                for room in (reference, self._directory.id_of(reference)):
                    if room in found:
                        found[room].add(ref)
        return found

    def _listen(self, listener: Subscription) -> None:
        self._places[listener.ref] = self._addresses(listener)
        for address in self._places[listener.ref]:
            self._by_address.setdefault(address, {})[listener.ref] = listener
            self._filters.pop(address, None)

    def _references(self, listener: Subscription) -> List[str]:
        if listener.room is not None:
            return [listener.room]
        return self._rooms if listener.event.name in self._events else []

    def _addresses(self, listener: Subscription) -> Set[Address]:
        references = self._references(listener)
        if references == [EVERYWHERE]:
            return {Address(listener.event.hipchat, ANY_ROOM)}
        rooms = set(map(self._directory.id_of, references)) - {None}
        if self._only_rooms:
            rooms &= set(map(self._directory.id_of, self._only_rooms))
        return {Address(listener.event.hipchat, room) for room in rooms}

    def _note_change(self) -> None:
        self.version += 1
        self._names = None
        self._subscriptions_changed()


def _finding(subscriptions: List[Subscription], text: str) -> Iterator[Tuple[Subscription,
                                                                             List[str]]]:
    """Those whose filter is found in the text, with its groups."""
    for listener in subscriptions:
        groups = listener.filter.groups(text) if listener.filter else []
        if groups is not None:
            yield listener, groups
