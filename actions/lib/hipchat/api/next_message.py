"""Waits for the next message in a room with a certain text and sender: polls the room's history."""
import time
from functools import partial
from typing import AbstractSet, Any, Callable, Dict, List, NamedTuple, Optional

from hipchat.api.client import Client
from hipchat.errors import Incomplete, NoAnswer, ParameterError, RateLimited, ServerError
from hipchat.values import positive_id
from hipchat.api.people import People
from hipchat.api.rooms import room_id_of
from hipchat.api.room_history import Cursor, HistoryItem, RoomHistory

__all__ = ["Criteria", "wait_for"]


class Criteria(NamedTuple):
    """Which messages to wait for.

    Attributes:
        pattern: a regular expression (RE2) that must match a part of the message's text.
        people: the senders whose messages count, by ID, email or @mention; if empty, all senders.
        notifications: whether notifications, which no person sends, count too if `people` is empty.
    """

    pattern: str
    people: List[Any]
    notifications: bool

    def accepts(self, item: HistoryItem, people_ids: AbstractSet[int]) -> bool:
        """Return whether an item's kind and sender match; people_ids are the IDs of `people`."""
        sender = item.body.get("from")
        if item.event == "room_notification":
            return self.notifications and not self.people
        return item.event == "room_message" and isinstance(sender, dict) and (
            not self.people or positive_id(sender.get("id")) in people_ids)


def wait_for(client: Client, people: People, room: str, criteria: Criteria, after: Optional[str],
             seconds: float, every: float) -> Dict[str, Any]:
    """Wait for the first message that meets the criteria.

    Room and people are looked up once at the beginning, so renaming them later changes nothing. The
    token needs the scope view_messages, and view_group for a room or people given by name.

    Args:
        after: the ID of a message: only later ones count; None for the room's newest message.
        seconds: how long to wait.
        every: seconds between two polls.

    Returns:
        {"message": HipChat's message, "matches": the strings of the pattern's groups}.

    Raises:
        Incomplete: no such message was posted in time; the error's result has timed_out: True.
        HipChatError: HipChat refused a call, or kept failing until the time was over.
    """
    from hipchat.text.filters import Filter  # here, since no other action needs re2
    try:
        pattern = Filter(criteria.pattern)
    except ValueError as error:
        raise ParameterError(f"The filter {criteria.pattern!r} is no regular expression that RE2 "
                             f"knows: {error}.") from None
    until = partial(_until, deadline=time.monotonic() + seconds, seconds=seconds, every=every)
    history = RoomHistory(client)
    room_id = until(lambda: room_id_of(client, room))
    cursor = until(lambda: history.position(room_id, after) if after else (
        history.newest(room_id) or Cursor("", 0.0)))
    people_ids = until(lambda: {people.id_of(person) for person in criteria.people})

    def next_match() -> Optional[Dict[str, Any]]:
        nonlocal cursor
        for item in history.since(room_id, cursor).items:
            cursor = item.cursor
            matches = pattern.groups(str(item.body.get("message") or ""))
            if matches is not None and criteria.accepts(item, people_ids):
                return {"message": item.body, "matches": matches}
        return None

    return until(next_match)


def _until(attempt: Callable[[], Any], deadline: float, seconds: float, every: float) -> Any:
    """Call `attempt`, at least once, until it returns a value other than None.

    Args:
        deadline: time.monotonic() of the last attempt.
        seconds: how long the caller waits, for the error.
    """
    while True:
        failure, value, now = None, None, time.monotonic()
        try:
            value = attempt()
        except (NoAnswer, RateLimited, ServerError) as error:
            failure = error
        if value is not None:
            return value
        if now >= deadline:
            raise failure or Incomplete(f"No such message came within {seconds:g} s.",
                                        timed_out=True)
        time.sleep(max(0.0, min(every, deadline - time.monotonic())))
