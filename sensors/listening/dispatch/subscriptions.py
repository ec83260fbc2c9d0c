"""The sensor's subscriptions: one for each StackStorm trigger of a rule."""
import itertools
import logging
from typing import (
    Any, Callable, Collection, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional,
    Set, Tuple, Union)

from hipchat.errors import ParameterError
from hipchat.events import EVENTS, Event
from hipchat.text.filters import Filter, FilterSet
from hipchat.text.room_reference import is_room_id, room_key
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import EVERYWHERE
from hipchat.webhook.webhook_url import Address

__all__ = ["COMMANDS", "Subscription", "Subscriptions"]

PARAMETERS = ("room", "filter")
COMMANDS = "chatops.rooms"  # stands for the chat commands, where others have a trigger's ref
ANY_ROOM = -1  # as a room ID: all rooms; HipChat has no negative IDs


class Subscription(NamedTuple):
    """A trigger with its parameters.

    Attributes:
        room: a room's name or ID; None for the config's rooms.
    """

    ref: str
    trigger_id: str
    event: Event
    room: Optional[str]
    filter: Optional[Filter]

    @classmethod
    def of_trigger(cls, trigger: Dict[str, Any]) -> "Subscription":
        """Read and check a trigger; StackStorm itself does not check its parameters.

        Raises:
            ParameterError: a parameter is wrong.
        """
        event = EVENTS.get(trigger["type"].partition(".")[2])
        if event is None:
            raise _wrong(trigger, "its type is none of this pack's")
        parameters = trigger.get("parameters") or {}
        for name in sorted(set(parameters) - set(PARAMETERS)):
            raise _wrong(trigger, f"it has the parameter {name!r}, but there are only room and "
                         "filter")
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


class Subscriptions:
    """All subscriptions, and which of them match a delivery.

    The directory maps a subscription's room name to a room; renew() applies a change of the
    directory. A trigger with wrong parameters receives nothing, and wrong() reports it.

    Attributes:
        command_addresses: the rooms and events in which chat commands are accepted.
        version: grows with each change.
    """

    def __init__(self, rooms: List[str], events: List[str], directory: RoomDirectory,
                 log: logging.Logger, subscriptions_changed: Callable[[], None]):
        """Args:
            rooms: the config's rooms, for subscriptions without a room; may be [EVERYWHERE].
            events: the config's events, for the same.
            subscriptions_changed: called after each change.
        """
        self._rooms, self._events = rooms, events
        self.command_addresses: FrozenSet[Address] = frozenset()
        self._directory, self._log = directory, log
        self._subscriptions_changed = subscriptions_changed
        self._triggers: Dict[str, Dict[str, Any]] = {}
        self._wrong: Dict[str, ParameterError] = {}
        self._subscriptions: Dict[str, Subscription] = {}
        self._addresses: Dict[str, Set[Address]] = {}  # of each subscription, by its ref
        self._by_address: Dict[Address, Dict[str, Subscription]] = {}
        self._former: Dict[Address, Dict[str, Subscription]] = {}  # in rooms that are gone
        self._filters: Dict[Address, FilterSet] = {}
        self._directory_version = directory.version
        self._names: Optional[Set[str]] = None
        self._required: FrozenSet[Address] = frozenset()
        self._required_version: Optional[Tuple[int, int]] = None  # ours and the directory's
        self.version = 0

    def add(self, trigger: Dict[str, Any]) -> None:
        """Add a trigger, or apply its new parameters."""
        known = self._triggers.get(trigger["ref"])
        if known is not None and known.get("parameters") == trigger.get("parameters"):
            return
        self.remove(trigger)
        self._triggers[trigger["ref"]] = trigger
        try:
            subscription = Subscription.of_trigger(trigger)
        except ParameterError as error:
            self._log.debug("%s", error)
            self._wrong[trigger["ref"]] = error
            return
        self._subscriptions[subscription.ref] = subscription
        self._place(subscription)
        self._note_change()

    def remove(self, trigger: Dict[str, Any]) -> None:
        """Remove a trigger, if it is known."""
        self._triggers.pop(trigger["ref"], None)
        self._wrong.pop(trigger["ref"], None)
        if self._subscriptions.pop(trigger["ref"], None) is None:
            return
        for address, subscriptions in self._former.items():
            if subscriptions.pop(trigger["ref"], None):
                self._filters.pop(address, None)
        for address in self._addresses.pop(trigger["ref"]):
            del self._by_address[address][trigger["ref"]]
            self._filters.pop(address, None)
            if not self._by_address[address]:
                del self._by_address[address]
        self._note_change()

    def replace(self, triggers: List[Dict[str, Any]]) -> None:
        """Replace all triggers."""
        refs = {trigger["ref"] for trigger in triggers}
        for gone in [known for ref, known in self._triggers.items() if ref not in refs]:
            self.remove(gone)
        for trigger in triggers:
            self.add(trigger)

    def renew(self) -> None:
        """Map room names to rooms again, if the directory has changed."""
        if self._directory_version == self._directory.version:
            return
        self._directory_version = self._directory.version
        known = {**self._former, **self._by_address}
        self._former = {address: subscriptions for address, subscriptions in known.items()
                        if self._directory.name_of(address.room) is None}
        self._by_address, self._filters = {}, {}
        for subscription in self._subscriptions.values():
            self._place(subscription)
        self._note_change()

    def at(self, address: Address) -> List[Subscription]:
        """Return the subscriptions of an event (HipChat's name) in a room.

        For a room that HipChat does not list any more, its former subscriptions.
        """
        return [each for key in self._keys(address) for each in self._under(key)]

    def matching(self, address: Address,
                 text: str) -> Optional[List[Tuple[Subscription, List[str]]]]:
        """Return the subscriptions whose filter matches the text, each with the filter's groups.

        Returns:
            None if the address has no subscription.
        """
        keys = self._keys(address)
        if not keys:
            return [] if address in self.command_addresses else None
        return [each for key in keys for each in self._matching_under(key, text)]

    def _keys(self, address: Address) -> List[Address]:
        """Return the keys of an event's subscriptions: for its room, and for any room."""
        return [key for key in (address, Address(address.event, ANY_ROOM)) if self._under(key)]

    def _under(self, key: Address) -> List[Subscription]:
        return list((self._by_address.get(key) or self._former.get(key, {})).values())

    def _matching_under(self, key: Address,
                        text: str) -> Iterator[Tuple[Subscription, List[str]]]:
        subscriptions = self._under(key)
        if key not in self._filters:
            self._filters[key] = FilterSet([each.filter for each in subscriptions])
        for index in self._filters[key].candidates(text):
            subscription = subscriptions[index]
            groups = subscription.filter.groups(text) if subscription.filter else []
            if groups is not None:
                yield subscription, groups

    def wrong(self) -> Dict[str, ParameterError]:
        """Return the errors of the triggers with wrong parameters, by ref."""
        return dict(self._wrong)

    def required(self) -> FrozenSet[Address]:
        """Return the events and rooms that need a webhook unless an add-on receives them."""
        version = self.version, self._directory.version
        if self._required_version != version:  # cached: it is called for each of thousands of rooms
            self._required_version, self._required = version, self._compute_required()
        return self._required

    def _compute_required(self) -> FrozenSet[Address]:
        everywhere = {address.event for address in self._by_address if address.room == ANY_ROOM}
        named = (address for address in self._by_address if address.room != ANY_ROOM)
        return self.command_addresses.union(named, (
            Address(event, room) for event in everywhere for room in self._directory.open_rooms()))

    def names(self) -> Set[str]:
        """Return the room names in rules and in the config."""
        if self._names is None:  # cached: each delivery needs it
            references = itertools.chain.from_iterable(
                map(self._references, self._subscriptions.values()))
            self._names = {reference for reference in references
                           if reference != EVERYWHERE and not is_room_id(reference)}
        return self._names

    def lack_names(self) -> bool:
        """Return whether room names are used but HipChat lists no room, so that any may match."""
        return not self._directory.told and bool(self.names())

    def named(self) -> Set[int]:
        """Return the IDs of the rooms in rules, without those of the config."""
        return self._ids(subscription.room for subscription in self._subscriptions.values()
                         if subscription.room is not None)

    def nameless(self) -> Dict[str, Set[str]]:
        """Return the names that no room has, each with the events (HipChat's names) subscribed."""
        missing: Dict[str, Set[str]] = {}
        for subscription in self._subscriptions.values():
            for reference in self._references(subscription):
                if reference != EVERYWHERE and self._directory.id_of(reference) is None:
                    missing.setdefault(reference, set()).add(subscription.event.hipchat)
        return missing

    def refs(self, rooms: Collection[Union[int, str]]) -> Dict[Union[int, str], Set[str]]:
        """Return the refs of the triggers for each of these rooms.

        Args:
            rooms: room IDs, and names that no room has.
        """
        commands = {address.room for address in self.command_addresses}
        found: Dict[Union[int, str], Set[str]] = {
            room: {COMMANDS} if room in commands else set() for room in rooms}
        for ref, subscription in self._subscriptions.items():
            for reference in self._references(subscription):
                for room in (reference, self._directory.id_of(reference)):
                    if room in found:
                        found[room].add(ref)
        return found

    def _place(self, subscription: Subscription) -> None:
        self._addresses[subscription.ref] = self._addresses_of(subscription)
        for address in self._addresses[subscription.ref]:
            self._by_address.setdefault(address, {})[subscription.ref] = subscription
            self._filters.pop(address, None)

    def _references(self, subscription: Subscription) -> List[str]:
        if subscription.room is not None:
            return [subscription.room]
        return self._rooms if subscription.event.name in self._events else []

    def _addresses_of(self, subscription: Subscription) -> Set[Address]:
        references = self._references(subscription)
        if references == [EVERYWHERE]:
            return {Address(subscription.event.hipchat, ANY_ROOM)}
        return {Address(subscription.event.hipchat, room) for room in self._ids(references)}

    def _ids(self, references: Iterable[str]) -> Set[int]:
        """Return the IDs of the rooms with these names or IDs; skip those that do not exist."""
        return {room_id for room_id in map(self._directory.id_of, references)
                if room_id is not None}

    def _note_change(self) -> None:
        self.version += 1
        self._names = None
        self._subscriptions_changed()
