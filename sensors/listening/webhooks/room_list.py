"""Keeps the sensor's list of HipChat's rooms up to date."""
import time
from typing import Set

from hipchat.api.client import PAGE
from hipchat.errors import Forbidden
from hipchat.api.room_directory import find_rooms
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.backoff import Backoff
from listening.context import Context
from listening.room_schedule import RoomSchedule

__all__ = ["ROOM_LIST", "RoomList"]

ROOM_LIST = 0  # the list's ID in the schedule of rooms; no room has this ID
# Events that change the list.
OF_ROOMS = ("room_created", "room_archived", "room_unarchived", "room_deleted")


class RoomList:
    """Reads HipChat's list of rooms, and maps the room names in rules to IDs again.

    The list is read:

    - every ROOM_LIST_PERIOD, and more often while a subscribed name matches no room;
    - immediately for a newly subscribed name that matches no room;
    - after a delivery that hints at a change of the list, such as a new room name. Anybody can
      cause such deliveries, so after a wrong hint, the next hint causes a reading only later.
    """

    def __init__(self, context: Context, schedule: RoomSchedule):
        self._context, self._schedule = context, schedule
        self._read_at = 0.0
        self._unknown: Set[str] = set()  # names, as of the last read
        self._version = context.subscriptions.version  # the one whose names were checked
        self._searches = Backoff(timing.ROOM_LIST_PERIOD)
        self._hints = Backoff(timing.ROOM_LIST_PERIOD)
        self._is_hinted = False  # since the last read
        self._hint_delay = 0.0  # from that read to one for a hint; longer after each wrong hint
        schedule.add(ROOM_LIST, retry_max=timing.ROOM_LIST_RETRY_MAX)

    def note_subscriptions(self) -> None:
        """Read the list now if a newly subscribed name matches no room."""
        if self._version != self._context.subscriptions.version:
            self._version = self._context.subscriptions.version
            if not set(self._context.subscriptions.unknown_names()) <= self._unknown:
                self._searches.succeeded()
                self._schedule.set_due(ROOM_LIST, 0.0)

    def note_room_name(self, address: Address, room_name: str) -> bool:
        """Read the list sooner if a delivery hints that it has changed; return whether it does."""
        known = self._context.rooms.name_of(address.room_id)
        if address.event not in OF_ROOMS and (not room_name or known in (None, room_name)):
            return False
        self._is_hinted, before = True, self._schedule.due_at(ROOM_LIST)
        self._schedule.set_due_by(ROOM_LIST, self._read_at + self._hint_delay)
        return self._schedule.due_at(ROOM_LIST) < before

    def read(self) -> None:
        """Read HipChat's list of rooms now; raise HipChatError if it cannot be read."""
        context = self._context
        self._read_at, version = time.monotonic(), context.rooms.version
        try:
            context.rooms.replace(find_rooms(context.client, context.subscriptions.names()))
        except Forbidden:
            if not context.rooms.is_loaded:  # subscriptions with room IDs work without the list
                context.rooms.replace([])
            raise
        context.subscriptions.apply_directory()
        if context.rooms.version != version or not self._is_hinted:
            self._hints.succeeded()
        self._hint_delay = self._hints.failed() if self._is_hinted else 0.0
        self._is_hinted = False
        self._note_unknown(set(context.subscriptions.unknown_names()))

    def _note_unknown(self, unknown: Set[str]) -> None:
        """Schedule the next reading, sooner if names in rules match no room."""
        rooms = self._context.rooms
        for name in sorted(self._unknown - unknown):
            if rooms.id_of(name) is not None:
                self._context.log.info("Room %s: its events can be received now.", name)
        self._unknown = unknown
        if not unknown:
            self._searches.succeeded()
        pages = 1 + len(rooms) // PAGE  # one call each
        period = self._searches.failed() * pages if unknown else timing.ROOM_LIST_PERIOD
        self._schedule.succeeded(ROOM_LIST, min(period, timing.ROOM_LIST_PERIOD))
