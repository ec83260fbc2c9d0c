"""What is said next in a room."""
import time
from typing import AbstractSet, Any, Callable, Dict, List, NamedTuple, Optional

from hipchat.api.responses import part
from hipchat.api.client import Client
from hipchat.errors import Incomplete, NoAnswer, ParameterError, RateLimited, ServerTrouble
from hipchat.text.room_reference import is_room_id
from hipchat.values import positive_id
from hipchat.api.people import People
from hipchat.api.room_history import Cursor, HistoryItem, RoomHistory

__all__ = ["Wanted", "wait_for"]


class Wanted(NamedTuple):
    """Which messages are waited for.

    pattern: a regular expression (RE2) that is searched in the text; people: whose messages count,
    by id, email or @mention, everybody's if empty; notifications: whether they count.
    """

    pattern: str
    people: List[Any]
    notifications: bool

    def compiled(self) -> Any:
        """The pattern's filter; ParameterError if it is no regular expression."""
        from hipchat.text.filters import Filter  # here, since re2 is needed by no other action
        try:
            return Filter(self.pattern)
        except ValueError as error:
            raise ParameterError("The filter {!r} is no regular expression that RE2 knows: {}."
                                 .format(self.pattern, error)) from None

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

    after: the id of the message to begin after, by default the room's newest; every: seconds
    between two looks. Room and people stay who they are at the beginning, whatever is renamed.
    Trouble of HipChat's is borne until the time is over; then Incomplete, with timed_out, or the
    trouble. The scopes are view_messages, and view_group for a room or people that are named.
    """
    pattern, patience = wanted.compiled(), _Patience(seconds, every)
    history = RoomHistory(client)
    number = patience.until(lambda: _id_of(client, room))
    cursor = patience.until(lambda: history.position(number, after) if after else (
        history.newest(number) or Cursor("", 0.0)))
    ids = patience.until(lambda: {people.id_of(each) for each in wanted.people})

    def look() -> Optional[Dict[str, Any]]:
        nonlocal cursor
        for item in history.since(number, cursor).items:
            cursor = item.cursor
            matches = pattern.groups(str(item.body.get("message") or ""))
            if matches is not None and wanted.has(item, ids):
                return {"message": item.body, "matches": matches}
        return None

    return patience.until(look)


def _id_of(client: Client, room: str) -> int:
    return int(room) if is_room_id(room) else part(
        client.ask("GET", "room", room), "id", "HipChat's answer on the room " + room)


class _Patience:
    """Tries for so many seconds, with so many between two attempts."""

    def __init__(self, seconds: float, every: float):
        self._seconds, self._every = seconds, every
        self._deadline = time.monotonic() + seconds

    def until(self, attempt: Callable[[], Any]) -> Any:
        """What attempt returns, once that is not None."""
        while True:
            trouble, found, now = None, None, time.monotonic()
            try:
                found = attempt()
            except (NoAnswer, RateLimited, ServerTrouble) as error:
                trouble = error
            if found is not None:
                return found
            if now >= self._deadline:
                raise trouble or Incomplete("No such message came within {:g} s.".format(
                    self._seconds), timed_out=True)
            time.sleep(max(0.0, min(self._every, self._deadline - time.monotonic())))
