"""Reads a room's history from a certain message on, in the order in which HipChat lists it."""
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, NamedTuple, Optional

from hipchat import timing
from hipchat.api.client import PAGE, Client
from hipchat.errors import NoAnswer, NotFound, TimedOut, TooLarge
from hipchat.values import message_id, unix_time

__all__ = ["HISTORY_EVENTS", "Cursor", "HistoryItem", "Missed", "RoomHistory", "read_items"]

MOST_PAGES = 30  # in one read: 1,000 items each, or fewer if HipChat cannot return so many
SMALLEST_PAGE = 10  # items
FUTURE = timedelta(days=1)  # from now; a search up to this date leaves out nothing
# The webhook event of a history item, by the item's type. The history has no enter and no exit.
_EVENT_OF_TYPE = {"message": "room_message", "notification": "room_notification",
                  "topic": "room_topic_change"}
HISTORY_EVENTS = frozenset(_EVENT_OF_TYPE.values())


class Cursor(NamedTuple):
    """A position in a room's history: right after a message.

    Attributes:
        message_id: "" if the room had no message.
        sent_at: when the message was sent (Unix time, HipChat's clock). If there was no message or
            it was deleted, all messages sent at or after this time come after the cursor.
    """

    message_id: str
    sent_at: float


class HistoryItem(NamedTuple):
    """One item (a message, a notification or a topic change) of a room's history.

    Attributes:
        message_id: never "".
        sent_at: Unix time, by HipChat's clock; if the item has no date, that of the item before.
        event: HipChat's name of the webhook event, such as room_message; None if there is none.
        body: the item as HipChat lists it.
    """

    message_id: str
    sent_at: float
    event: Optional[str]
    body: Dict[str, Any]

    @property
    def cursor(self) -> Cursor:
        """The position right after this item."""
        return Cursor(self.message_id, self.sent_at)


class Missed(NamedTuple):
    """The items of a room's history after a cursor.

    Attributes:
        items: in HipChat's order, oldest first.
        whole: True if these are all items after the cursor; False if more items may be between the
            cursor and the first of these.
    """

    items: List[HistoryItem]
    whole: bool


class _Page(NamedTuple):
    """One page of a room's history: items, oldest first, and the number that was requested."""

    items: List[HistoryItem]
    size: int
    is_last: bool  # HipChat has no older items


class RoomHistory:
    """Reads the history of rooms, with the scope view_messages.

    GET /v2/room/{id}/history/latest lists up to 1,000 of the newest items, oldest first. With the
    parameter not-before (the cursor's message ID) the list begins at that message. If that message
    is not on the page, more than 1,000 items are new. Then GET /v2/room/{id}/history lists the
    older items, newest first, page after page.

    Items stay in the order of these lists. Dates give no order, because HipChat's clock may be set
    back.
    """

    def __init__(self, client: Client):
        self._client = client

    def newest(self, room_id: int) -> Optional[Cursor]:
        """Return the cursor at a room's newest message; None if the room has no message."""
        items = self._page(room_id, "latest", size=1).items
        return items[-1].cursor if items else None

    def position(self, room_id: int, message_id: str) -> Cursor:
        """Return the cursor at a message.

        Raises:
            NotFound: HipChat does not know the message.
            NoAnswer: the response has no valid date.
        """
        message = self._client.ask("GET", "room", room_id, "history", message_id).get("message")
        sent_at = unix_time(message.get("date")) if isinstance(message, dict) else None
        if sent_at is None:
            raise NoAnswer(f"HipChat does not say when the message {message_id} was sent.")
        return Cursor(message_id, sent_at)

    def since(self, room_id: int, cursor: Cursor) -> Missed:
        """Return the items of a room after a cursor, by one API call for every 1,000 items."""
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
        """Return the newest page: from the cursor's message on, if HipChat knows that message."""
        if cursor.message_id:
            try:
                page = self._page(room_id, "latest", size=PAGE,
                                  **{"not-before": cursor.message_id})
                return page._replace(is_last=False)  # not-before leaves out the older ones
            except NotFound:  # the message was deleted, or HipChat no longer knows it
                pass
        return self._page(room_id, "latest", size=PAGE)

    def _older(self, room_id: int, items: List[HistoryItem], size: int) -> _Page:
        """Return the next older page of the history.

        The page is requested so that it overlaps with the known items: its newest item is the
        oldest known one. HipChat may leave the newest messages out of a search by date. Then the
        page does not overlap, and a newer page is requested. (New messages shift the list the other
        way, so that the page overlaps by several items.)
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
        """Return a page of `size` items, or of fewer if a response is too large or too slow.

        With "latest" as the path, HipChat lists the newest items; without, it searches by date.
        """
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
    """Return HipChat's items that have an ID as HistoryItems, in the order of the list."""
    dates = [unix_time(item.get("date")) for item in listed]
    sent_at = next((date for date in dates if date is not None), 0.0)
    items = []
    for body, date in zip(listed, dates):
        sent_at = sent_at if date is None else date
        item_id = message_id(body.get("id"))
        if item_id:
            items.append(HistoryItem(item_id, sent_at, _event_of(body), body))
    return items


def _event_of(body: Dict[str, Any]) -> Optional[str]:
    """Return HipChat's name of the webhook event for an item of the history.

    Items of 2014 have no type; among them, a notification's sender is a string.

    Returns:
        None for a deleted message (without text), and for a shared file: its webhook event,
        room_file_upload, has no message ID, so a duplicate delivery could not be detected.
    """
    if body.get("message") is None and body.get("topic") is None:
        return None
    if body.get("file") or body.get("authenticated_file"):
        return None
    kind = body.get("type") or (
        "message" if isinstance(body.get("from"), dict) else "notification")
    return _EVENT_OF_TYPE.get(kind) if isinstance(kind, str) else None


def _reaches(items: List[HistoryItem], cursor: Cursor) -> bool:
    """Return whether the items contain the cursor's message, or begin well before its date."""
    return any(item.message_id == cursor.message_id for item in items) or (
        bool(items) and items[0].sent_at < cursor.sent_at - timing.CLOCK_STEP)


def _after(items: List[HistoryItem], cursor: Cursor) -> List[HistoryItem]:
    for place, item in enumerate(items):
        if item.message_id == cursor.message_id:
            return items[place + 1:]
    # The cursor's message was deleted: continue with the first item that is not older.
    return next((items[place:] for place, item in enumerate(items)
                 if item.sent_at >= cursor.sent_at), [])
