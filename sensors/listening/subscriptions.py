"""Finds the rules' triggers (subscriptions) that a delivery matches."""
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
from listening.subscription import Subscription

__all__ = ["COMMANDS", "Match", "Subscriptions"]

COMMANDS = "chatops.rooms"  # stands for chat commands in lists of trigger refs
Match = Tuple[Subscription, List[str]]  # with the groups that its filter captured
ANY_ROOM = -1  # the room ID for all rooms; HipChat has no negative IDs


class Subscriptions:
    """Holds one subscription for each rule's trigger, and finds those that match a delivery.

    A trigger with wrong parameters receives nothing, and invalid_triggers() reports it. An Address
    is HipChat's name of an event and a room ID.

    Attributes:
        command_addresses: the events and rooms in which chat commands are accepted. It must be set
            before required() is called.
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
        self._triggers: Dict[str, Dict[str, Any]] = {}  # by ref, as are the next two
        self._errors: Dict[str, ParameterError] = {}
        self._subscriptions: Dict[str, Subscription] = {}
        self._by_address: Dict[Address, List[Subscription]] = {}
        self._former: Dict[Address, List[Subscription]] = {}  # in rooms not listed any more
        self._filters: Dict[Address, FilterSet] = {}
        self._directory_version = directory.version
        self._names: Set[str] = set()
        self._required: Optional[FrozenSet[Address]] = None
        self.version = 0

    def replace(self, triggers: List[Dict[str, Any]]) -> None:
        """Replace all triggers by the given ones."""
        known, self._triggers = self._triggers, {each["ref"]: each for each in triggers}
        changed = [ref for ref in {**known, **self._triggers}
                   if ref not in known or ref not in self._triggers or
                   known[ref].get("parameters") != self._triggers[ref].get("parameters")]
        for ref in changed:
            self._subscriptions.pop(ref, None)
            self._errors.pop(ref, None)
            if ref in self._triggers:
                try:
                    self._subscriptions[ref] = Subscription.of_trigger(self._triggers[ref])
                except ParameterError as error:
                    self._log.debug("%s", error)
                    self._errors[ref] = error
        if changed:
            self._index()

    def apply_directory(self) -> None:
        """Map room names to IDs again if the directory (HipChat's list of rooms) has changed."""
        if self._directory_version != self._directory.version:
            self._directory_version = self._directory.version
            self._former = {
                address: subscriptions
                for address, subscriptions in {**self._former, **self._by_address}.items()
                if self._directory.name_of(address.room_id) is None}
            self._index()

    def at(self, address: Address) -> List[Subscription]:
        """Return the subscriptions of an event in a room.

        A room that HipChat does not list any more keeps its former subscriptions.
        """
        return [each for key in self._keys(address) for each in self._under(key)]

    def matching(self, address: Address, text: str) -> Optional[List[Match]]:
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
        return self._by_address.get(key) or self._former.get(key, [])

    def _matching_under(self, key: Address, text: str) -> Iterator[Match]:
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
        if self._required is None:  # cached: called once for each of thousands of rooms
            self._required = self.command_addresses.union(*(
                [address] if address.room_id != ANY_ROOM else
                [Address(address.event, room_id) for room_id in self._directory.open_rooms()]
                for address in self._by_address))
        return self._required

    def names(self) -> Set[str]:
        """Return the room names (not IDs) that rules and the config use."""
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
        """Return the refs of the triggers for each room, with COMMANDS if it accepts chat commands.

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

    def _index(self) -> None:
        """Index the changed subscriptions by address, and call subscriptions_changed."""
        self._by_address, self._filters, self._names, self._required = {}, {}, set(), None
        by_target: Dict[Any, List[Subscription]] = {}  # most are for the same rooms: the config's
        for subscription in self._subscriptions.values():
            by_target.setdefault((subscription.event, subscription.room), []).append(subscription)
        for alike in by_target.values():
            self._names.update(reference for reference in self._references(alike[0])
                               if reference != EVERYWHERE and not is_room_id(reference))
            for address in self._addresses_of(alike[0]):
                self._by_address.setdefault(address, []).extend(alike)
        self._former = {
            address: [each for each in former if self._subscriptions.get(each.ref) is each]
            for address, former in self._former.items()}
        self.version += 1
        self._subscriptions_changed()

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
