"""The history of the sandbox's HipChat: what of it a query gives, and in which shape."""

import json
import time
from urllib.parse import quote

import pytest

from sandbox.control_client import SandboxError

SMALLEST_CARD = {"style": "application", "id": "1", "title": "Build"}


def items(hipchat, room, query=""):
    """The items of GET /room/ROOM/history and the rest of the URL."""
    return hipchat.get(f"/room/{room}/history{query}").json()["items"]


class TestQuery:
    """Which messages of a room in which "0" to "4" was said."""

    @pytest.fixture
    def said(self, hipchat, room):
        """The IDs of the messages."""
        return [hipchat.people.say(room, "Robin Reed", str(number)) for number in range(5)]

    @pytest.fixture
    def found(self, hipchat, room, said):
        """The texts that a query finds; it may use the lists ids and dates, and later."""
        dates = [quote(item["date"]) for item in items(hipchat, room)]
        return lambda query: [item["message"] for item in items(hipchat, room, query.format(
            ids=said, dates=dates, later=time.time() + 60))]

    @pytest.mark.parametrize("query, expected", [
        ("", "01234"),
        ("?date=2999-01-01T00:00:00Z&max-results=2&reverse=false", "43"),
        ("?date={dates[3]}&end-date={dates[1]}", "123"),
        ("?date={dates[3]}&end-date={dates[1]}&reverse=false", "321"),
        ("?date={later}&end-date=2999-01-01", "01234"),
        ("/latest?max-results=2", "34"),
        ("/latest?not-before={ids[3]}", "34"),
        ("/latest?not-before={ids[1]}&max-results=4", "1234"),
        ("/latest?not-before={ids[1]}&max-results=3", "234"),
    ])
    def test_finds(self, found, query, expected):
        assert found(query) == list(expected)

    def test_up_to_a_date_is_paged_from_the_newest(self, hipchat, room, found):
        first = "?date=2999-01-01T00:00:00Z&max-results=2&reverse=false"
        page = hipchat.get(f"/room/{room}/history{first}").json()
        following = page["links"]["next"].partition("/history")[2]
        assert found(following) == ["2", "1"]

    def test_finds_one_message_by_its_id(self, hipchat, room, said):
        message = hipchat.get(f"/room/{room}/history/{said[1]}").json()["message"]
        assert (message["message"], message["from"]["name"]) == ("1", "Robin Reed")

    @pytest.mark.parametrize("query, count", [
        ("", 75), ("?max-results=0", 0), ("?max-results=1000", 80)])
    def test_finds_the_latest_75_where_nothing_is_asked_for(self, hipchat, room, query, count):
        for number in range(80):
            hipchat.people.say(room, "Robin Reed", str(number))
        assert len(items(hipchat, room, "/latest" + query)) == count

    def test_has_dates_in_the_requested_timezone(self, hipchat, room, said):
        assert items(hipchat, room, "?timezone=Asia/Tokyo")[0]["date"].endswith("+09:00")

    @pytest.mark.parametrize("path", ["", "/latest"])
    def test_finds_the_record_of_a_deleted_message(self, hipchat, room, said, found, path):
        hipchat.people.delete(said[1])
        assert found(path) == ["0", None, "2", "3", "4"]
        assert items(hipchat, room, path)[1]["id"] == said[1]
        assert found(path + "?include_deleted=false") == ["0", "2", "3", "4"]
        assert said[1] not in [line["id"] for line in hipchat.people.transcript(room)]
        # A client whose last message was deleted still finds the later ones.
        assert found("/latest?not-before={ids[1]}") == [None, "2", "3", "4"]

    def test_finds_a_deleted_message_as_long_as_it_is_not_left_out(self, hipchat, room, said):
        hipchat.people.delete(said[1])
        path = f"/room/{room}/history/{said[1]}"
        assert hipchat.get(path).json()["message"]["message"] is None
        assert hipchat.get(path + "?include_deleted=false").status_code == 404
        with pytest.raises(SandboxError, match="Message 'none' not found"):
            hipchat.people.delete("none")


class TestItem:
    def test_has_the_id_of_the_delivery(self, hipchat, room, hook, bodies):
        hook("room_message")
        hook("room_notification")
        hipchat.people.say(room, "Robin Reed", "hi")
        hipchat.post(f"/room/{room}/notification", {"message": "built"})
        delivered = [body["item"]["message"]["id"] for body in bodies(2)]
        assert [item["id"] for item in items(hipchat, room, "/latest")] == delivered

    def test_of_a_notification_is_from_a_string(self, hipchat, room):
        hipchat.post(f"/room/{room}/notification", {"message": "hi", "from": "Build"})
        item, = items(hipchat, room)
        assert (item["from"], item["type"], item["color"]) == ("Build", "notification", "yellow")
        assert "notification_sender" not in item

    def test_has_a_card_as_text(self, hipchat, room):
        parent = hipchat.people.say(room, "Robin Reed", "who?")
        hipchat.post(f"/room/{room}/notification", {
            "message": "hi", "card": SMALLEST_CARD, "attach_to": parent})
        item = items(hipchat, room)[1]
        assert json.loads(item["card"]) == SMALLEST_CARD and item["attach_to"] == parent

    def test_names_an_integration_as_sender(self, hipchat, room, addon_token):
        hipchat.post(f"/room/{room}/notification", {"message": "hi"}, token=addon_token)
        sender = items(hipchat, room)[0]["notification_sender"]
        assert (sender["type"], sender["client_id"]) == ("addon", "an-addon")

    def test_may_be_a_topic(self, hipchat, room):
        hipchat.people.act(room, "Robin Reed", "topic_change", topic="Lunch")
        item, = items(hipchat, room)
        assert (item["type"], item["message"], item["from"]["name"]) == (
            "topic", "Lunch", "Robin Reed")
