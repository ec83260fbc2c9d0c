"""The history of a room since a message, as HipChat gives it: page by page, from its newest."""
import itertools
from datetime import datetime, timedelta, timezone

import pytest

from hipchat.errors import NoAnswer, NotFound, TooLarge
from hipchat.api.room_history import Cursor, RoomHistory, event_of, cursor_of

BEGAN = datetime(2018, 5, 4, 9, 30, tzinfo=timezone.utc)


def said(number, **more):
    """The item of the number-th message, a second after the one before."""
    return dict({"id": f"message-{number}", "type": "message",
                 "date": (BEGAN + timedelta(seconds=number)).isoformat(timespec="microseconds"),
                 "from": {"id": 2002, "name": "Ann"}, "mentions": [],
                 "message": f"number {number}"}, **more)


class Server:
    """Answers as HipChat's history does; calls counts what it was asked."""

    def __init__(self, items):
        self.items, self.calls = items, 0

    def page(self, *path, **params):
        self.calls += 1
        assert path[:3] == ("room", 1001, "history")
        found = self._latest(**params) if path[3:] == ("latest",) else self._before(**params)
        return {"items": found, "maxResults": params["max-results"], "startIndex": 0}

    def _latest(self, **params):
        items = self.items
        if "not-before" in params:
            ids = [item["id"] for item in items]
            if params["not-before"] not in ids:
                raise NotFound("GET /v2/room/1001/history/latest", 404, "Message not found")
            items = items[ids.index(params["not-before"]):]
        return items[-params["max-results"]:]

    def _before(self, date, reverse, **params):
        assert reverse == "false"
        return [item for item in reversed(self.items) if item["date"] <= date][
            :params["max-results"]]


def numbers(missed):
    return [int(item["id"].rpartition("-")[2]) for item in missed.items]


class TestSince:
    def test_is_what_came_after_the_mark_in_one_call(self):
        server = Server([said(number) for number in range(10)])
        missed = RoomHistory(server).since(1001, cursor_of(said(6)))
        assert (numbers(missed), missed.whole, server.calls) == ([7, 8, 9], True, 1)

    def test_is_nothing_after_the_newest(self):
        missed = RoomHistory(Server([said(0), said(1)])).since(1001, cursor_of(said(1)))
        assert (missed.items, missed.whole) == ([], True)

    @pytest.mark.parametrize("count, calls", [(999, 1), (1000, 2), (2500, 3)])
    def test_goes_back_where_more_came_than_one_answer_holds(self, count, calls):
        server = Server([said(number) for number in range(count + 5)])
        missed = RoomHistory(server).since(1001, cursor_of(said(4)))
        assert numbers(missed) == list(range(5, count + 5)) and missed.whole
        assert server.calls == calls

    def test_asks_for_fewer_where_the_answer_would_be_too_large(self):
        class Terse(Server):
            def page(self, *path, **params):
                if params["max-results"] > 60:
                    raise TooLarge("HipChat's answer has more than 10 MiB.")
                return super().page(*path, **params)

        server = Terse([said(number) for number in range(100)])
        missed = RoomHistory(server).since(1001, cursor_of(said(4)))
        assert numbers(missed) == list(range(5, 100)) and missed.whole

    def test_goes_by_the_date_where_the_marked_message_was_deleted(self):
        server = Server([said(number) for number in range(10) if number != 4])
        missed = RoomHistory(server).since(1001, cursor_of(said(4)))
        assert numbers(missed) == [5, 6, 7, 8, 9] and missed.whole

    def test_goes_by_the_date_where_the_room_had_no_message(self):
        server = Server([said(number) for number in range(3)])
        missed = RoomHistory(server).since(1001, Cursor("", (BEGAN - timedelta(1)).timestamp()))
        assert numbers(missed) == [0, 1, 2]

    def test_ends_with_a_server_that_goes_on_for_ever(self):
        counter = itertools.count(10 ** 6, -1)

        class Endless(Server):
            def page(self, *path, **params):
                return {"items": [said(next(counter)) for _ in range(params["max-results"])]}

        missed = RoomHistory(Endless([])).since(1001, cursor_of(said(0)))
        assert not missed.whole and len(missed.items) > 10000

    def test_ends_with_a_server_that_repeats_itself(self):
        class Repeating(Server):
            def page(self, *path, **params):
                return {"items": [said(number) for number in range(5, 1005)]}

        missed = RoomHistory(Repeating([])).since(1001, cursor_of(said(0)))
        assert len(missed.items) == 1000

    def test_takes_no_item_that_has_no_place(self):
        class Odd(Server):
            def page(self, *path, **params):
                return {"items": [{}, {"id": "x"}, {"id": "x", "date": "now"},
                                  {"id": "x", "date": []}]}

        history = RoomHistory(Odd([]))
        assert history.newest(1001) is None
        assert history.since(1001, cursor_of(said(0))).items == []


class TestMark:
    def test_is_that_of_a_message_in_the_latest(self):
        server = Server([said(number) for number in range(3)])
        assert (RoomHistory(server).mark(1001, "message-1"),
                server.calls) == (cursor_of(said(1)), 1)

    def test_is_asked_for_where_hipchat_tells_the_newest_instead(self):
        class Forgetful(Server):
            def _latest(self, **params):
                return self.items[-1:]

            def ask(self, method, *path):
                assert (method, path) == ("GET", ("room", 1001, "history", "message-1"))
                return {"message": said(1, message=None)}

        assert RoomHistory(Forgetful([said(number) for number in range(3)])).mark(
            1001, "message-1") == cursor_of(said(1))

    @pytest.mark.parametrize("told", [{}, {"message": None}, {"message": {"id": "message-1"}}])
    def test_must_be_told(self, told):
        class Silent(Server):
            def ask(self, method, *path):
                return told

        with pytest.raises(NoAnswer, match="when the message message-1 was said"):
            RoomHistory(Silent([said(0)])).mark(1001, "message-1")


@pytest.mark.parametrize("item, event", [
    (said(1, message=None), None), (said(1, type="guest_access"), None),
    (said(1, type=None), "room_message"), (said(1, type=None, **{"from": "CI"}),
                                           "room_notification")])
def test_an_item_tells_of_what_webhooks_tell(item, event):
    assert event_of(item) == event


@pytest.mark.parametrize("date", ["2018-05-04T09:30:01.000000+00:00", "2018-05-04T09:30:01Z",
                                  "2018-05-04T09:30:01", "2018-05-04T11:30:01+02:00",
                                  (BEGAN + timedelta(seconds=1)).timestamp()])
def test_a_date_is_read_in_each_of_its_spellings(date):
    assert cursor_of(said(1, date=date)) == cursor_of(said(1))
