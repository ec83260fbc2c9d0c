"""Keeps the names of HipChat's rooms up to date."""
import time
from typing import Dict, Set

from hipchat.api.client import PAGE
from hipchat.errors import Forbidden
from hipchat.api.room_directory import find_rooms
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.backoff import Backoff
from listening.context import Context
from listening.room_schedule import RoomSchedule

__all__ = ["ROOM_LIST", "RoomList"]

ROOM_LIST = 0  # stands for the list in the schedule; no room has this ID
# Events that change the list.
OF_ROOMS = ("room_created", "room_archived", "room_unarchived", "room_deleted")


class RoomList:
    """Keeps the directory equal to HipChat's list of rooms, and the subscriptions with it.

    The list is read when it is due in the schedule of rooms, as ROOM_LIST: again after
    ROOM_LIST_PERIOD, sooner while a name is subscribed that no room has, at once for a new name,
    and when a delivery tells of a change. Anybody can cause such deliveries: if the list then shows
    nothing new, the next one counts later.
    """

    def __init__(self, context: Context, schedule: RoomSchedule):
        self._context, self._schedule = context, schedule
        self._read_at = 0.0
        self._unknown: Set[str] = set()  # names, as of the last read
        self._version = context.subscriptions.version  # whose names were looked at
        self._searches = Backoff(timing.ROOM_LIST_PERIOD)
        self._hints = Backoff(timing.ROOM_LIST_PERIOD)
        self._hinted, self._hint_pause = False, 0.0
        schedule.add(ROOM_LIST, retry_max=timing.ROOM_LIST_RETRY_MAX)

    def note_subscriptions(self) -> None:
        """Read the list at once if a new name is subscribed that no room has."""
        if self._version != self._context.subscriptions.version:
            self._version = self._context.subscriptions.version
            if not set(self.unknown()) <= self._unknown:
                self._searches.succeeded()
                self._schedule.set_due(ROOM_LIST, 0.0)

    def note_room_name(self, address: Address, room_name: str) -> bool:
        """Read the list sooner if a delivery hints that it has changed.

        Returns:
            Whether the list is read sooner.
        """
        known = self._context.rooms.name_of(address.room)
        if address.event not in OF_ROOMS and (not room_name or known in (None, room_name)):
            return False
        self._hinted, before = True, self._schedule.due_at(ROOM_LIST)
        self._schedule.set_due_by(ROOM_LIST, self._read_at + self._hint_pause)
        return self._schedule.due_at(ROOM_LIST) < before

    def read(self) -> None:
        """Read HipChat's list; raises HipChatError."""
        context = self._context
        self._read_at, version = time.monotonic(), context.rooms.version
        try:
            context.rooms.take(find_rooms(context.client, context.subscriptions.names()))
        except Forbidden:
            if not context.rooms.loaded:  # what goes by IDs need not wait
                context.rooms.take([])
            raise
        context.subscriptions.renew()
        self._weigh_hints(context.rooms.version != version)
        self._report(self.unknown())

    def unknown(self) -> Dict[str, Set[str]]:
        """The names that no room has, each with HipChat's events that are subscribed there."""
        return self._context.subscriptions.nameless()

    def _weigh_hints(self, changed: bool) -> None:
        if changed or not self._hinted:
            self._hints.succeeded()
        self._hint_pause = self._hints.failed() if self._hinted else 0.0
        self._hinted = False

    def _report(self, unknown: Dict[str, Set[str]]) -> None:
        rooms, log = self._context.rooms, self._context.log
        for name in sorted(self._unknown - set(unknown)):
            if rooms.id_of(name) is not None:
                log.info("Room %s: can be listened to now.", name)
        for name in sorted(set(unknown) - self._unknown):
            log.info("Room %s cannot be listened to: no room bears that name.", name)
        self._unknown = set(unknown)
        if not unknown:
            self._searches.succeeded()
        pages = 1 + len(rooms) // PAGE  # each is a call
        period = self._searches.failed() * pages if unknown else timing.ROOM_LIST_PERIOD
        self._schedule.succeeded(ROOM_LIST, min(period, timing.ROOM_LIST_PERIOD))
