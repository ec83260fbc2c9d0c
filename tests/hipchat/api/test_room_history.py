"""The history of a room since a message, in HipChat's order: page by page, from its newest."""
import itertools
from datetime import datetime, timedelta, timezone

import pytest

from hipchat.api.room_history import Cursor, RoomHistory, read_items
from hipchat.errors import NoAnswer, NotFound, TimedOut, TooLarge

BEGAN = datetime(2018, 5, 4, 9, 30, tzinfo=timezone.utc)


def said(number, **more):
    """The item of the number-th message, a second after the one before."""
    return dict({"id": f"message-{number}", "type": "message",
                 "date": (BEGAN + timedelta(seconds=number)).isoformat(timespec="microseconds"),
                 "from": {"id": 2002, "name": "Ann"}, "mentions": [],
                 "message": f"number {number}"}, **more)


class Server:
    """Answers as HipChat's history does; calls counts what it was asked.

    lag: how many of the newest items a search by date leaves out.
    """

    def __init__(self, items, lag=0):
        self.items, self.lag, self.calls = items, lag, 0

    def now(self):
        return BEGAN.timestamp()

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
        found = [item for item in reversed(self.items) if item["date"] <= date][self.lag:]
        return found[params["start-index"]:][:params["max-results"]]


def cursor_of(item):
    return read_items([item])[0].cursor


def since(server, item):
    return RoomHistory(server).since(1001, cursor_of(item))


def numbers(missed):
    return [int(item.message_id.rpartition("-")[2]) for item in missed.items]


class TestSince:
    def test_is_what_came_after_the_cursor_in_one_call(self):
        server = Server([said(number) for number in range(10)])
        missed = since(server, said(6))
        assert (numbers(missed), missed.whole, server.calls) == ([7, 8, 9], True, 1)

    def test_is_nothing_after_the_newest(self):
        missed = since(Server([said(0), said(1)]), said(1))
        assert (missed.items, missed.whole) == ([], True)

    @pytest.mark.parametrize("lag", [0, 1, 300, 1500])
    @pytest.mark.parametrize("count, calls", [(999, 1), (1000, 2), (2500, 3)])
    def test_goes_back_where_more_came_than_one_answer_holds(self, count, calls, lag):
        server = Server([said(number) for number in range(count + 5)], lag)
        missed = since(server, said(4))
        if lag > 1000 and count > 999:  # then there are items in no answer
            assert not missed.whole
            return
        assert numbers(missed) == list(range(5, count + 5)) and missed.whole
        assert server.calls == calls or lag

    def test_keeps_the_order_of_the_list_whatever_the_dates_say(self):
        """Set back by a minute, after a message and in the middle; and all of one moment."""
        for dates in ([0, 1, 2, 3, -57, -56, 4, -55, 5], [7] * 9):
            items = [said(number, date=said(date)["date"]) for number, date in enumerate(dates)]
            for place, item in enumerate(items):
                missed = since(Server(items), item)
                assert numbers(missed) == list(range(place + 1, 9)) and missed.whole

    def test_keeps_it_over_many_pages(self):
        """Whether thousands were posted in one moment, or the clock was set back among them."""
        for date in (lambda number: 7, lambda number: number % 1300 - 1300 * (number > 1300)):
            items = [said(number, date=said(date(number))["date"]) for number in range(3500)]
            missed = since(Server(items), items[4])
            assert numbers(missed) == list(range(5, 3500)) and missed.whole

    @pytest.mark.parametrize("count", [3, 2500])
    def test_keeps_what_is_posted_while_it_is_read(self, count):
        class Busy(Server):
            def page(self, *path, **params):
                found = super().page(*path, **params)
                self.items = self.items + [said(len(self.items) + more) for more in range(3)]
                return found

        missed = since(Busy([said(number) for number in range(count + 5)]), said(4))
        assert numbers(missed) == list(range(5, count + 5)) and missed.whole

    @pytest.mark.parametrize("error", [TooLarge("More than 10 MiB."), TimedOut("After 10 s.")])
    def test_asks_for_fewer_where_hipchat_cannot_give_as_many(self, error):
        class Slow(Server):
            def page(self, *path, **params):
                if params["max-results"] > 60:
                    raise error
                return super().page(*path, **params)

        missed = since(Slow([said(number) for number in range(100)]), said(4))
        assert numbers(missed) == list(range(5, 100)) and missed.whole

    def test_goes_by_the_date_where_the_message_is_gone(self):
        server = Server([said(number) for number in range(10) if number != 4])
        missed = since(server, said(4))
        assert numbers(missed) == [5, 6, 7, 8, 9] and missed.whole

    def test_goes_back_no_further_than_the_clock_may_have_been_set_where_it_is_gone(self):
        server = Server([said(number) for number in range(20000)])
        missed = since(server, said(12000, id="gone"))
        assert numbers(missed) == list(range(12000, 20000)) and server.calls < 15

    def test_goes_by_the_date_where_the_room_had_no_message(self):
        server = Server([said(number) for number in range(3)])
        missed = RoomHistory(server).since(1001, Cursor("", (BEGAN - timedelta(1)).timestamp()))
        assert numbers(missed) == [0, 1, 2]

    def test_ends_with_a_server_that_goes_on_for_ever(self):
        class Endless(Server):
            def page(self, *path, **params):
                start = params.get("start-index", 0)
                page = [said(10 ** 6 - start - place) for place in range(params["max-results"])]
                return {"items": page if "start-index" in params else page[::-1]}

        missed = since(Endless([]), said(0, date=said(-10 ** 6)["date"]))
        assert not missed.whole and len(missed.items) > 10000

    def test_ends_with_a_server_that_makes_items_up(self):
        counter = itertools.count(10 ** 6, -1)

        class Inventive(Server):
            def page(self, *path, **params):
                self.calls += 1
                return {"items": [said(next(counter)) for _ in range(params["max-results"])]}

        server = Inventive([])
        assert not since(server, said(0)).whole and server.calls == 4

    def test_ends_with_a_server_that_repeats_itself(self):
        class Repeating(Server):
            def page(self, *path, **params):
                return {"items": [said(number) for number in range(5, 1005)]}

        missed = since(Repeating([]), said(0))
        assert len(missed.items) == 1000 and not missed.whole


class TestItems:
    def test_have_an_id(self):
        assert [item.message_id for item in read_items(
            [{}, {"id": None}, {"id": True}, {"id": []}, {"id": "x"}, {"id": 5}])] == ["x", "5"]

    def test_without_a_date_have_that_of_the_item_before(self):
        items = read_items([{"id": "a", "date": "now"}, said(1), {"id": "b"},
                            {"id": "c", "date": []}, said(2),
                            said(3, date="0001-01-01T00:00:00+00:00")])
        assert [item.sent_at - BEGAN.timestamp() for item in items] == [1, 1, 1, 1, 2, 2]

    @pytest.mark.parametrize("more, event", [
        ({}, "room_message"), ({"message": None}, None), ({"type": "guest_access"}, None),
        ({"type": None}, "room_message"), ({"type": ["message"]}, None),
        ({"type": None, "from": "CI"}, "room_notification"),
        ({"file": {"name": "notes.txt"}, "message": ""}, None)])
    def test_have_the_event_of_their_webhook(self, more, event):
        assert read_items([said(1, **more)])[0].event == event


class TestPosition:
    def test_is_that_of_a_message_deleted_or_not(self):
        class Asked(Server):
            def ask(self, method, *path):
                assert (method, path) == ("GET", ("room", 1001, "history", "message-1"))
                return {"message": said(1, message=None)}

        assert RoomHistory(Asked([])).position(1001, "message-1") == cursor_of(said(1))

    @pytest.mark.parametrize("response", [{}, {"message": None}, {"message": {"id": "message-1"}}])
    def test_must_be_in_the_response(self, response):
        class Silent(Server):
            def ask(self, method, *path):
                return response

        with pytest.raises(NoAnswer, match="when the message message-1 was sent"):
            RoomHistory(Silent([said(0)])).position(1001, "message-1")
