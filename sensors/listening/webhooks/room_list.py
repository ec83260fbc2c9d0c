"""Which room bears which name, looked up in HipChat anew when there is reason to."""
import logging
import time
from typing import Dict, Set

from hipchat.api.client import PAGE, Client
from hipchat.errors import Forbidden
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.webhook.webhook_url import Address
from listening import timing
from listening.backoff import Backoff
from listening.dispatch.subscriptions import Subscriptions

__all__ = ["RoomList"]

# Events that change the list.
OF_ROOMS = ("room_created", "room_archived", "room_unarchived", "room_deleted")


class RoomList:
    """Keeps the directory as HipChat's list of rooms is, and the subscriptions with it."""

    def __init__(self, client: Client, directory: RoomDirectory, subscriptions: Subscriptions,
                 log: logging.Logger):
        self._client, self._directory, self._subscriptions = client, directory, subscriptions
        self._log = log
        self._due = self._looked = 0.0
        self._nameless: Set[str] = set()
        self._version = subscriptions.version  # of the subscriptions whose names were weighed
        self._failures = Backoff(timing.ROOM_LIST_RETRY_MAX)
        self._searches = Backoff(timing.ROOM_LIST_PERIOD)
        self._rumours = Backoff(timing.ROOM_LIST_PERIOD)
        self._rumoured, self._rumour_pause = False, 0.0

    @property
    def due(self) -> float:
        """When (time.monotonic()) look() is to be called next: now, if there is a new name."""
        if self._version != self._subscriptions.version:
            self._version = self._subscriptions.version
            if not set(self._subscriptions.nameless()) <= self._nameless:
                self._searches.succeeded()
                self._due = 0.0
        return self._due

    def heard(self, address: Address, name: str) -> bool:
        """A delivery tells what its room is called, or what has happened to it: whether that is
        a reason for a look. It is a rumour; if the look shows nothing new, the next one is heeded
        later."""
        if address.event not in OF_ROOMS and (
                not name or self._directory.name_of(address.room) in (None, name)):
            return False
        before, self._rumoured = self.due, True
        self._due = min(before, self._looked + self._rumour_pause)
        return self._due < before

    def look(self) -> None:
        """Take HipChat's rooms anew; raises HipChatError."""
        self._looked, version = time.monotonic(), self._directory.version
        self._due = self._looked + self._failures.failed()
        try:
            self._directory.take(find_rooms(self._client, self._subscriptions.names()))
        except Forbidden:
            if not self._directory.loaded:  # what goes by ids need not wait
                self._directory.take([])
            raise
        self._failures.succeeded()
        self._subscriptions.renew()
        self._weigh_rumours(self._directory.version != version)
        self._tell(self._subscriptions.nameless())

    def unknown(self) -> Dict[str, Set[str]]:
        """The names that no room bears, each with HipChat's events that are wanted there."""
        return self._subscriptions.nameless()

    def _weigh_rumours(self, changed: bool) -> None:
        if changed or not self._rumoured:
            self._rumours.succeeded()
        self._rumour_pause = self._rumours.failed() if self._rumoured else 0.0
        self._rumoured = False

    def _tell(self, nameless: Dict[str, Set[str]]) -> None:
        for name in sorted(self._nameless - set(nameless)):
            if self._directory.id_of(name) is not None:
                self._log.info("Room %s: can be listened to now.", name)
        for name in sorted(set(nameless) - self._nameless):
            self._log.info("Room %s cannot be listened to: no room bears that name.", name)
        self._nameless = set(nameless)
        if nameless:
            pages = 1 + len(self._directory) // PAGE  # each is a call
            pause = self._searches.failed() * pages
            self._due = self._looked + min(pause, timing.ROOM_LIST_PERIOD)
        else:
            self._searches.succeeded()
            self._due = self._looked + timing.ROOM_LIST_PERIOD
