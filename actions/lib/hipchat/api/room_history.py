"""What a room's history holds since a message."""
import contextlib
from datetime import datetime, timezone
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from hipchat.api.client import PAGE, Client
from hipchat.errors import NoAnswer, NotFound, TooLarge

__all__ = ["TOLD", "Item", "Cursor", "Missed", "RoomHistory", "event_of", "cursor_of"]

MOST_PAGES = 30  # of 1,000 messages each, or fewer where those are too large an answer
LEAST = 10  # messages of a page: those of one moment must not fill it
# What HipChat's history keeps, by an item's type. Who came and went is in no history.
EVENTS = {"message": "room_message", "notification": "room_notification",
          "topic": "room_topic_change"}
TOLD = frozenset(EVENTS.values())

Item = Dict[str, Any]


class Cursor(NamedTuple):
    """A message as a place in a room's history; date is in seconds since 1970, by HipChat's clock.

    id is "" where a room had no message yet: then all that is younger than date comes after it.
    """

    id: str
    date: float


class Missed(NamedTuple):
    """The items after a mark, oldest first; whole is False if there may be more before them."""

    items: List[Item]
    whole: bool


class RoomHistory:
    """Reads the history of rooms, by their ids, with the scope view_messages.

    GET /v2/room/{id}/history/latest gives up to 1,000 of the newest messages, of which not-before
    is the oldest: where it is missing, more than that came, and GET /v2/room/{id}/history is asked
    for those before, page after page.
    """

    def __init__(self, client: Client):
        self._client = client

    def newest(self, room: int) -> Optional[Cursor]:
        """The mark of the newest message of a room, None where there is none. One call."""
        items = self._items(room, "latest", **{"max-results": 1})
        return cursor_of(items[-1]) if items else None

    def mark(self, room: int, message: str) -> Cursor:
        """The mark of a message; NotFound where HipChat does not know it."""
        with contextlib.suppress(NotFound):
            latest, _ = self._page(room, "latest", **{"not-before": message})
            for item in latest:
                if str(item["id"]) == message:
                    return cursor_of(item)
        told = self._client.ask("GET", "room", room, "history", message).get("message")
        mark = cursor_of(told) if isinstance(told, dict) else None
        if mark is None:
            raise NoAnswer(f"HipChat does not tell when the message {message} was said.")
        return mark

    def since(self, room: int, mark: Cursor) -> Missed:
        """What came after a mark. One call, unless more than 1,000 messages did."""
        try:
            items, most = self._page(room, "latest", **(
                {"not-before": mark.id} if mark.id else {}))
        except NotFound:  # the message was deleted, or HipChat knows it no more
            items, most = self._page(room, "latest")
        known = {item["id"] for item in items}
        for _ in range(MOST_PAGES):
            if len(items) < most or mark.id in known or cursor_of(items[0]).date < mark.date:
                return Missed(_after(items, mark), True)
            page, most = self._page(room, most=min(PAGE, 10 * most), date=items[0]["date"],
                                    reverse="false")
            fresh = [item for item in page if item["id"] not in known]
            if not fresh:
                return Missed(_after(items, mark), True)
            items = fresh + items
            known.update(item["id"] for item in fresh)
        return Missed(_after(items, mark), False)

    def _page(self, room: int, *path: str, most: int = PAGE,
              **params: Any) -> Tuple[List[Item], int]:
        """At most so many items, or fewer where those are too large an answer; how many at most."""
        try:
            return self._items(room, *path, **{"max-results": most}, **params), most
        except TooLarge:
            if most <= LEAST:
                raise
            return self._page(room, *path, most=most // 10, **params)

    def _items(self, room: int, *path: str, **params: Any) -> List[Item]:
        """The items that have an id, oldest first; NoAnswer where there is no list of objects."""
        items = self._client.page("room", room, "history", *path, **params)["items"]
        found = [item for item in items if cursor_of(item)]
        return sorted(found, key=lambda item: cursor_of(item).date)


def cursor_of(item: Item) -> Optional[Cursor]:
    """The mark of a message, None where it has no id or no date that can be read."""
    date = _seconds(item.get("date"))
    return Cursor(str(item["id"]), date) if item.get("id") and date is not None else None


def event_of(item: Item) -> Optional[str]:
    """HipChat's name of the event that an item tells of; None for one that no webhook tells.

    A deleted message has no text any more. An item of 2014 has no type: notifications are those
    whose sender is a mere label.
    """
    if item.get("message") is None and item.get("topic") is None:
        return None
    kind = item.get("type") or (
        "message" if isinstance(item.get("from"), dict) else "notification")
    return EVENTS.get(kind)


def _after(items: List[Item], mark: Cursor) -> List[Item]:
    position = next((place for place, item in enumerate(items) if item["id"] == mark.id), None)
    if position is not None:
        return items[position + 1:]
    return [item for item in items if cursor_of(item).date >= mark.date]


def _seconds(date: Any) -> Optional[float]:
    """Seconds since 1970 of a date in ISO 8601, in UTC where it names no zone, or of a number."""
    if isinstance(date, (int, float)) and not isinstance(date, bool):
        return float(date)
    try:
        found = datetime.fromisoformat(str(date).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
