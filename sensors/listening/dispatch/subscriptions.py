"""Finds the rules' triggers (subscriptions) that a delivery matches."""
import itertools
import logging
from typing import (
    Any, Callable, Collection, Dict, FrozenSet, Iterable, Iterator, List, Optional, Set, Tuple,
    Union)

from hipchat.errors import ParameterError
from hipchat.text.filters import FilterSet
from hipchat.text.room_reference import is_room_id
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import EVERYWHERE
from hipchat.webhook.webhook_url import Address
from listening.dispatch.subscription import Subscription

__all__ = ["COMMANDS", "Subscriptions"]

COMMANDS = "chatops.rooms"  # stands for chat commands in lists of trigger refs
ANY_ROOM = -1  # the room ID for all rooms; HipChat has no negative IDs


class Subscriptions:
    """Holds one subscription for each rule's trigger, and finds those that match a delivery.

    A subscription's room may be a name, which the directory maps to an ID. A trigger with wrong
    parameters receives nothing, and invalid_triggers() reports it. An Address is HipChat's name of
    an event and a room ID.

    Attributes:
        command_addresses: the events and rooms in which chat commands are accepted.
        version: the number of changes so far; if it differs later, subscriptions have changed.
    """

    def __init__(self, rooms: List[str], events: List[str], directory: RoomDirectory,
                 log: logging.Logger, subscriptions_changed: Callable[[], None]):
        """Args:
            rooms: the config's rooms (names or IDs), for subscriptions without a room;
                [EVERYWHERE] for all rooms.
            events: the config's events, for subscriptions without a room. A subscription with a
                room receives any event.
            directory: HipChat's list of rooms, which maps room names to IDs.
            subscriptions_changed: called after each change.
        """
        self._rooms, self._events = rooms, events
        self.command_addresses: FrozenSet[Address] = frozenset()
        self._directory, self._log = directory, log
        self._subscriptions_changed = subscriptions_changed
        self._triggers: Dict[str, Dict[str, Any]] = {}
        self._errors: Dict[str, ParameterError] = {}  # by ref, as are the next two
        self._subscriptions: Dict[str, Subscription] = {}
        self._addresses: Dict[str, Set[Address]] = {}
        self._by_address: Dict[Address, Dict[str, Subscription]] = {}
        self._former: Dict[Address, Dict[str, Subscription]] = {}  # in rooms not listed any more
        self._filters: Dict[Address, FilterSet] = {}
        self._directory_version = directory.version
        self._names: Optional[Set[str]] = None
        self._required: FrozenSet[Address] = frozenset()
        self._required_version: Optional[Tuple[int, int]] = None  # own, directory's
        self.version = 0

    def add(self, trigger: Dict[str, Any]) -> None:
        """Add a trigger; if it was added before, apply its new parameters."""
        known = self._triggers.get(trigger["ref"])
        if known is not None and known.get("parameters") == trigger.get("parameters"):
            return
        self.remove(trigger)
        self._triggers[trigger["ref"]] = trigger
        try:
            subscription = Subscription.of_trigger(trigger)
        except ParameterError as error:
            self._log.debug("%s", error)
            self._errors[trigger["ref"]] = error
            return
        self._subscriptions[subscription.ref] = subscription
        self._index(subscription)
        self._note_change()

    def remove(self, trigger: Dict[str, Any]) -> None:
        """Remove a trigger, if it was added."""
        self._triggers.pop(trigger["ref"], None)
        self._errors.pop(trigger["ref"], None)
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
        """Add the given triggers, and remove all other triggers."""
        refs = {trigger["ref"] for trigger in triggers}
        for gone in [known for ref, known in self._triggers.items() if ref not in refs]:
            self.remove(gone)
        for trigger in triggers:
            self.add(trigger)

    def apply_directory(self) -> None:
        """Map room names to IDs again if the directory (HipChat's list of rooms) has changed."""
        if self._directory_version == self._directory.version:
            return
        self._directory_version = self._directory.version
        known = {**self._former, **self._by_address}
        self._former = {address: subscriptions for address, subscriptions in known.items()
                        if self._directory.name_of(address.room_id) is None}
        self._by_address, self._filters = {}, {}
        for subscription in self._subscriptions.values():
            self._index(subscription)
        self._note_change()

    def at(self, address: Address) -> List[Subscription]:
        """Return the subscriptions of an event in a room.

        A room that HipChat does not list any more keeps its former subscriptions.
        """
        return [each for key in self._keys(address) for each in self._under(key)]

    def matching(self, address: Address,
                 text: str) -> Optional[List[Tuple[Subscription, List[str]]]]:
        """Find the subscriptions of an event in a room whose filter matches a message or topic.

        Args:
            text: the message or topic; "" for an event without one.

        Returns:
            Each matching subscription with the groups that its filter captured; [] if no filter
            matches; None if neither subscriptions nor chat commands need the event in this room.
        """
        keys = self._keys(address)
        if not keys:
            return [] if address in self.command_addresses else None
        return [each for key in keys for each in self._matching_under(key, text)]

    def _keys(self, address: Address) -> List[Address]:
        """Return the keys with subscriptions: the address itself, and its event in ANY_ROOM."""
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

    def invalid_triggers(self) -> Dict[str, ParameterError]:
        """Return the errors of the triggers with wrong parameters, by ref."""
        return dict(self._errors)

    def required(self) -> FrozenSet[Address]:
        """Return the subscribed events and rooms. Each needs a webhook, or the add-on for all."""
        version = self.version, self._directory.version
        if self._required_version != version:  # cached: called once for each of thousands of rooms
            self._required_version, self._required = version, self._compute_required()
        return self._required

    def _compute_required(self) -> FrozenSet[Address]:
        everywhere = {address.event for address in self._by_address if address.room_id == ANY_ROOM}
        named = (address for address in self._by_address if address.room_id != ANY_ROOM)
        return self.command_addresses.union(named, (
            Address(event, room) for event in everywhere for room in self._directory.open_rooms()))

    def names(self) -> Set[str]:
        """Return the room names (not IDs) that rules and the config use."""
        if self._names is None:  # cached: each delivery needs it
            references = itertools.chain.from_iterable(
                map(self._references, self._subscriptions.values()))
            self._names = {reference for reference in references
                           if reference != EVERYWHERE and not is_room_id(reference)}
        return self._names

    def lack_room_list(self) -> bool:
        """Return True if rules or the config use room names, but HipChat has listed no rooms.

        Then the names' IDs are unknown, so any room may be a subscribed one.
        """
        return not self._directory.had_rooms and bool(self.names())

    def rooms_in_rules(self) -> Set[int]:
        """Return the IDs of the rooms in rules, without those in the config."""
        return self._ids(subscription.room for subscription in self._subscriptions.values()
                         if subscription.room is not None)

    def unknown_names(self) -> Dict[str, Set[str]]:
        """Return the subscribed events (HipChat's names) for each name that no room has."""
        missing: Dict[str, Set[str]] = {}
        for subscription in self._subscriptions.values():
            for reference in self._references(subscription):
                if reference != EVERYWHERE and self._directory.id_of(reference) is None:
                    missing.setdefault(reference, set()).add(subscription.event.hipchat)
        return missing

    def refs_by_room(self, rooms: Collection[Union[int, str]]) -> Dict[Union[int, str], Set[str]]:
        """Return for each of the given rooms the set of the refs of the triggers for this room.

        The set also contains COMMANDS if chat commands are accepted in the room.

        Args:
            rooms: room IDs, or names that a rule contains and no room has.
        """
        commands = {address.room_id for address in self.command_addresses}
        found: Dict[Union[int, str], Set[str]] = {
            room: {COMMANDS} if room in commands else set() for room in rooms}
        for ref, subscription in self._subscriptions.items():
            for reference in self._references(subscription):
                for room in (reference, self._directory.id_of(reference)):
                    if room in found:
                        found[room].add(ref)
        return found

    def _index(self, subscription: Subscription) -> None:
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
        """Return the IDs of the rooms with the given names or IDs, without unknown names."""
        return {room_id for room_id in map(self._directory.id_of, references)
                if room_id is not None}

    def _note_change(self) -> None:
        self.version += 1
        self._names = None
        self._subscriptions_changed()
