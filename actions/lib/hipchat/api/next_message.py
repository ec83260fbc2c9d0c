"""Waits for the next message in a room."""
import time
from typing import AbstractSet, Any, Callable, Dict, List, NamedTuple, Optional

from hipchat.api.client import Client
from hipchat.errors import Incomplete, NoAnswer, ParameterError, RateLimited, ServerTrouble
from hipchat.values import positive_id
from hipchat.api.people import People
from hipchat.api.rooms import room_id_of
from hipchat.api.room_history import Cursor, HistoryItem, RoomHistory

__all__ = ["Wanted", "wait_for"]


class Wanted(NamedTuple):
    """Which messages are waited for.

    Attributes:
        pattern: a regular expression (RE2) that is searched in the text.
        people: whose messages count, by ID, email or @mention; everybody's if empty.
        notifications: whether they count.
    """

    pattern: str
    people: List[Any]
    notifications: bool

    def compiled(self) -> Any:
        """Return the pattern's filter; ParameterError if it is no regular expression."""
        from hipchat.text.filters import Filter  # here, since re2 is needed by no other action
        try:
            return Filter(self.pattern)
        except ValueError as error:
            raise ParameterError(f"The filter {self.pattern!r} is no regular expression that RE2 "
                                 f"knows: {error}.") from None

    def has(self, item: HistoryItem, people: AbstractSet[int]) -> bool:
        """Tell whether an item is a message of one of these people, by their IDs, or a notification
        that counts."""
        sender = item.body.get("from")
        if item.event == "room_notification":
            return self.notifications and not self.people
        return item.event == "room_message" and isinstance(sender, dict) and (
            not self.people or positive_id(sender.get("id")) in people)


def wait_for(client: Client, people: People, room: str, wanted: Wanted, after: Optional[str],
             seconds: float, every: float) -> Dict[str, Any]:
    """Wait for the first message that is wanted: {"message": HipChat's, "matches": its groups}.

    Room and people stay who they are at the beginning, whatever is renamed. The scopes are
    view_messages, and view_group for a room or people that are named.

    Args:
        after: the ID of the message to begin after, by default the room's newest.
        seconds: how long to wait.
        every: seconds between two looks.

    Raises:
        Incomplete: no such message came; the result has timed_out.
        HipChatError: HipChat failed until the end, or refused a call.
    """
    pattern, patience = wanted.compiled(), _Patience(seconds, every)
    history = RoomHistory(client)
    room_id = patience.until(lambda: room_id_of(client, room))
    cursor = patience.until(lambda: history.position(room_id, after) if after else (
        history.newest(room_id) or Cursor("", 0.0)))
    ids = patience.until(lambda: {people.id_of(each) for each in wanted.people})

    def look() -> Optional[Dict[str, Any]]:
        nonlocal cursor
        for item in history.since(room_id, cursor).items:
            cursor = item.cursor
            matches = pattern.groups(str(item.body.get("message") or ""))
            if matches is not None and wanted.has(item, ids):
                return {"message": item.body, "matches": matches}
        return None

    return patience.until(look)


class _Patience:
    """Tries again after HipChat's failures, until a deadline."""

    def __init__(self, seconds: float, every: float):
        self._seconds, self._every = seconds, every
        self._deadline = time.monotonic() + seconds

    def until(self, attempt: Callable[[], Any]) -> Any:
        """Return what attempt returns, once that is not None."""
        while True:
            trouble, found, now = None, None, time.monotonic()
            try:
                found = attempt()
            except (NoAnswer, RateLimited, ServerTrouble) as error:
                trouble = error
            if found is not None:
                return found
            if now >= self._deadline:
                raise trouble or Incomplete(f"No such message came within {self._seconds:g} s.",
                                            timed_out=True)
            time.sleep(max(0.0, min(self._every, self._deadline - time.monotonic())))
