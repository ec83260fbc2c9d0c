"""The history of a room since a message, in the order in which HipChat lists it."""
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, NamedTuple, Optional

from hipchat import timing
from hipchat.api.client import PAGE, Client
from hipchat.errors import NoAnswer, NotFound, TimedOut, TooLarge
from hipchat.values import message_id, unix_time

__all__ = ["HISTORY_EVENTS", "Cursor", "HistoryItem", "Missed", "RoomHistory", "read_items"]

MOST_PAGES = 30  # of 1,000 items each, or fewer where HipChat cannot give so many at once
SMALLEST_PAGE = 10  # items
FUTURE = timedelta(days=1)  # from now; the date of a search that is to leave out nothing
# What HipChat's history keeps, by an item's type. Who came and went is in no history.
_EVENT_OF_TYPE = {"message": "room_message", "notification": "room_notification",
                  "topic": "room_topic_change"}
HISTORY_EVENTS = frozenset(_EVENT_OF_TYPE.values())


class Cursor(NamedTuple):
    """A position in a room's history: that of a message.

    Attributes:
        message_id: "" where the room had no message; then all that is younger comes after it.
        sent_at: Unix time, by HipChat's clock.
    """

    message_id: str
    sent_at: float


class HistoryItem(NamedTuple):
    """One item of a room's history.

    Attributes:
        message_id: never "".
        sent_at: Unix time, by HipChat's clock; that of the item before where it has no date.
        event: HipChat's name of the event; None for an item that no webhook tells of.
        body: the item as HipChat lists it.
    """

    message_id: str
    sent_at: float
    event: Optional[str]
    body: Dict[str, Any]

    @property
    def cursor(self) -> Cursor:
        """The position of this item."""
        return Cursor(self.message_id, self.sent_at)


class Missed(NamedTuple):
    """What a history holds after a cursor.

    Attributes:
        items: in HipChat's order, oldest first.
        whole: False if there may be more between the cursor and the first of them.
    """

    items: List[HistoryItem]
    whole: bool


class _Page(NamedTuple):
    """Some consecutive items, oldest first; is_last: whether HipChat has none that are older."""

    items: List[HistoryItem]
    size: int
    is_last: bool


class RoomHistory:
    """Reads the history of rooms, by their IDs, with the scope view_messages.

    GET /v2/room/{id}/history/latest lists up to 1,000 of the newest items, oldest first, beginning
    with the message that not-before names. Where that is missing, more came since, and GET
    /v2/room/{id}/history is asked for the older ones, which it lists newest first, page after page.

    Order is that of these lists and never that of the dates: HipChat's clock may be set back.
    """

    def __init__(self, client: Client):
        self._client = client

    def newest(self, room_id: int) -> Optional[Cursor]:
        """Return the position of a room's newest message, None where there is none. One call."""
        items = self._page(room_id, "latest", size=1).items
        return items[-1].cursor if items else None

    def position(self, room_id: int, message: str) -> Cursor:
        """Return the position of a message. One call.

        Raises:
            NotFound: HipChat does not know the message.
            NoAnswer: HipChat does not say when it was sent.
        """
        found = self._client.ask("GET", "room", room_id, "history", message).get("message")
        sent_at = unix_time(found.get("date")) if isinstance(found, dict) else None
        if sent_at is None:
            raise NoAnswer(f"HipChat does not say when the message {message} was sent.")
        return Cursor(message, sent_at)

    def since(self, room_id: int, cursor: Cursor) -> Missed:
        """Return the items after a position: one call for every 1,000 items."""
        page = self._latest(room_id, cursor)
        items = page.items
        for _ in range(MOST_PAGES):
            if page.is_last or _reaches(items, cursor):
                return Missed(_after(items, cursor), True)
            page = self._older(room_id, items, page.size)
            known = {item.message_id for item in items}
            older = [item for item in page.items if item.message_id not in known]
            joins = not items or len(older) < len(page.items)
            items = older + items
            if not joins or not (older or page.is_last):
                break
        return Missed(_after(items, cursor), False)

    def _latest(self, room_id: int, cursor: Cursor) -> _Page:
        if cursor.message_id:
            try:
                page = self._page(room_id, "latest", size=PAGE,
                                  **{"not-before": cursor.message_id})
                return page._replace(is_last=False)  # older ones than the cursor were not asked for
            except NotFound:  # the message was deleted, or HipChat knows it no more
                pass
        return self._page(room_id, "latest", size=PAGE)

    def _older(self, room_id: int, items: List[HistoryItem], size: int) -> _Page:
        """Ask for the page that begins with the oldest of these items.

        Where it does not hold that item, it is asked for further up: HipChat may leave the newest
        messages out of a search by date. (Messages that were posted meanwhile are no harm: they
        shift the list the other way, and the page begins with items that are known.)
        """
        until = datetime.fromtimestamp(self._client.now(), timezone.utc) + FUTURE
        known = {item.message_id for item in items}
        start = max(0, len(items) - 1)
        for _ in range(MOST_PAGES):
            page = self._page(room_id, size=size, date=until.isoformat(timespec="seconds"),
                              reverse="false", **{"start-index": start})
            if not start or known.intersection(item.message_id for item in page.items):
                break
            size, start = page.size, max(0, start - page.size // 2)
        return page

    def _page(self, room_id: int, *path: str, size: int, **params: Any) -> _Page:
        """Ask for so many items, or fewer where HipChat cannot give so many within the limits."""
        while True:
            try:
                listed = self._client.page("room", room_id, "history", *path,
                                           **{"max-results": size}, **params)["items"]
            except (TooLarge, TimedOut):
                if size <= SMALLEST_PAGE:
                    raise
                size //= 10
            else:
                return _Page(read_items(listed if path else listed[::-1]), size, len(listed) < size)


def read_items(listed: List[Dict[str, Any]]) -> List[HistoryItem]:
    """Return the items that have an ID, in the order of the list."""
    dates = [unix_time(item.get("date")) for item in listed]
    sent_at = next((date for date in dates if date is not None), 0.0)
    items = []
    for body, date in zip(listed, dates):
        sent_at = sent_at if date is None else date
        known_by = message_id(body.get("id"))
        if known_by:
            items.append(HistoryItem(known_by, sent_at, _event_of(body), body))
    return items


def _event_of(body: Dict[str, Any]) -> Optional[str]:
    """Return HipChat's name of the event that an item tells of; None for one that no webhook tells.

    A deleted message has no text any more. A shared file is told as room_file_upload, which has no
    message ID to know it by. An item of 2014 has no type: notifications are those whose sender is a
    mere label.
    """
    if body.get("message") is None and body.get("topic") is None:
        return None
    if body.get("file") or body.get("authenticated_file"):
        return None
    kind = body.get("type") or (
        "message" if isinstance(body.get("from"), dict) else "notification")
    return _EVENT_OF_TYPE.get(kind) if isinstance(kind, str) else None


def _reaches(items: List[HistoryItem], cursor: Cursor) -> bool:
    """Tell whether these items begin at a cursor or before it."""
    return any(item.message_id == cursor.message_id for item in items) or (
        bool(items) and items[0].sent_at < cursor.sent_at - timing.CLOCK_STEP)


def _after(items: List[HistoryItem], cursor: Cursor) -> List[HistoryItem]:
    for place, item in enumerate(items):
        if item.message_id == cursor.message_id:
            return items[place + 1:]
    # Its message is gone: go on with the first that is not older.
    return next((items[place:] for place, item in enumerate(items)
                 if item.sent_at >= cursor.sent_at), [])
