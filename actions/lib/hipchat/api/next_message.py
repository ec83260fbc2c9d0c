"""Waits for the next message in a room that fits some criteria."""
import time
from typing import AbstractSet, Any, Callable, Dict, List, NamedTuple, Optional

from hipchat.api.client import Client
from hipchat.errors import Incomplete, NoAnswer, ParameterError, RateLimited, ServerError
from hipchat.values import positive_id
from hipchat.api.people import People
from hipchat.api.rooms import room_id_of
from hipchat.api.room_history import Cursor, HistoryItem, RoomHistory

__all__ = ["Criteria", "wait_for"]


class Criteria(NamedTuple):
    """The messages to wait for.

    Attributes:
        pattern: a regular expression (RE2) that is searched in the text.
        people: the senders whose messages count, by ID, email or @mention; all senders if empty.
        notifications: whether notifications count too. They never count if there are people.
    """

    pattern: str
    people: List[Any]
    notifications: bool

    def compiled(self) -> Any:
        """Return the pattern's Filter; raises ParameterError if RE2 rejects the pattern."""
        from hipchat.text.filters import Filter  # here, since no other action needs re2
        try:
            return Filter(self.pattern)
        except ValueError as error:
            raise ParameterError(f"The filter {self.pattern!r} is no regular expression that RE2 "
                                 f"knows: {error}.") from None

    def accepts(self, item: HistoryItem, people_ids: AbstractSet[int]) -> bool:
        """Return whether an item's kind and sender fit.

        Args:
            people_ids: the IDs of `people`.
        """
        sender = item.body.get("from")
        if item.event == "room_notification":
            return self.notifications and not self.people
        return item.event == "room_message" and isinstance(sender, dict) and (
            not self.people or positive_id(sender.get("id")) in people_ids)


def wait_for(client: Client, people: People, room: str, criteria: Criteria, after: Optional[str],
             seconds: float, every: float) -> Dict[str, Any]:
    """Wait for the first message that fits the criteria.

    Room and people are looked up once at the beginning; renaming them later changes nothing. The
    scopes are view_messages, and view_group for a room or people given by name.

    Args:
        after: the ID of the message after which to begin; by default the room's newest message.
        seconds: how long to wait.
        every: seconds between two polls.

    Returns:
        {"message": HipChat's message, "matches": the groups of the pattern}.

    Raises:
        Incomplete: no such message was posted in time; the result has timed_out.
        HipChatError: HipChat refused a call, or failed until the end.
    """
    pattern, polling = criteria.compiled(), _Polling(seconds, every)
    history = RoomHistory(client)
    room_id = polling.until(lambda: room_id_of(client, room))
    cursor = polling.until(lambda: history.position(room_id, after) if after else (
        history.newest(room_id) or Cursor("", 0.0)))
    people_ids = polling.until(lambda: {people.id_of(person) for person in criteria.people})

    def next_match() -> Optional[Dict[str, Any]]:
        nonlocal cursor
        for item in history.since(room_id, cursor).items:
            cursor = item.cursor
            matches = pattern.groups(str(item.body.get("message") or ""))
            if matches is not None and criteria.accepts(item, people_ids):
                return {"message": item.body, "matches": matches}
        return None

    return polling.until(next_match)


class _Polling:
    """Repeats attempts, also after failures of HipChat, until one deadline for all."""

    def __init__(self, seconds: float, every: float):
        self._seconds, self._every = seconds, every
        self._deadline = time.monotonic() + seconds

    def until(self, attempt: Callable[[], Any]) -> Any:
        """Call attempt until it returns a value other than None; return that value."""
        while True:
            failure, value, now = None, None, time.monotonic()
            try:
                value = attempt()
            except (NoAnswer, RateLimited, ServerError) as error:
                failure = error
            if value is not None:
                return value
            if now >= self._deadline:
                raise failure or Incomplete(f"No such message came within {self._seconds:g} s.",
                                            timed_out=True)
            time.sleep(max(0.0, min(self._every, self._deadline - time.monotonic())))
