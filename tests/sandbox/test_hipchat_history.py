"""The history of the sandbox's HipChat: what of it a query gives, and in which shape."""

import json
import time

import pytest
import requests
from support.api_client import HipChat

from sandbox.control_client import SandboxError

SMALLEST_CARD = {"style": "application", "id": "1", "title": "Build"}


@pytest.fixture(scope="module")
def hipchat():
    with HipChat("--token", "TOKEN", "--oauth", "an-addon:its-secret") as hipchat:
        yield hipchat


class TestHistory:
    @pytest.fixture
    def said(self, hipchat, room):
        return [hipchat.people.say(room, "Robin Reed", "line %d" % n) for n in range(5)]

    def test_recent_is_oldest_first(self, hipchat, room, said):
        items = hipchat.get(f"/room/{room}/history").json()["items"]
        assert [item["id"] for item in items] == said
        assert items[0]["from"]["name"] == "Robin Reed"

    def test_up_to_a_date_is_paged_from_the_newest(self, hipchat, room, said):
        query = {"date": "2999-01-01T00:00:00Z", "max-results": 2, "reverse": "false"}
        page = hipchat.get(f"/room/{room}/history", params=query).json()
        assert [item["id"] for item in page["items"]] == [said[4], said[3]]
        page = requests.get(page["links"]["next"] + "&auth_token=TOKEN").json()
        assert [item["id"] for item in page["items"]] == [said[2], said[1]]

    def test_latest_begins_with_not_before(self, hipchat, room, said):
        items = hipchat.get(f"/room/{room}/history/latest?not-before={said[3]}").json()
        assert [item["id"] for item in items["items"]] == said[3:]

    def test_latest_is_at_most_max_results(self, hipchat, room, said):
        items = hipchat.get(f"/room/{room}/history/latest?max-results=2").json()
        assert [item["id"] for item in items["items"]] == said[3:]

    def test_one_message_is_found_by_its_id(self, hipchat, room, said):
        message = hipchat.get(f"/room/{room}/history/{said[1]}").json()["message"]
        assert message["message"] == "line 1"
        assert hipchat.get(f"/room/{room}/history/none").status_code == 404

    def test_latest_leaves_not_before_out_if_more_came_since(self, hipchat, room, said):
        query = {"not-before": said[1], "max-results": 3}
        assert self.latest(hipchat, room, query) == said[2:]
        assert self.latest(hipchat, room, {**query, "max-results": 4}) == said[1:]

    @pytest.mark.parametrize("size, count", [(None, 75), (0, 0), (1000, 80)])
    def test_latest_is_75_if_nothing_is_asked_for(self, hipchat, room, size, count):
        for number in range(80):
            hipchat.people.say(room, "Robin Reed", str(number))
        query = {} if size is None else {"max-results": size}
        assert len(self.latest(hipchat, room, query)) == count

    def test_is_not_more_than_a_thousand(self, hipchat, room):
        assert hipchat.get(f"/room/{room}/history/latest?max-results=1001").status_code == 400

    def test_ends_at_end_date(self, hipchat, room, said):
        dates = [item["date"] for item in hipchat.get(f"/room/{room}/history").json()["items"]]
        query = {"date": dates[3], "end-date": dates[1]}
        assert self.found(hipchat, room, query) == said[1:4]
        assert self.found(hipchat, room, {**query, "reverse": "false"}) == said[3:0:-1]

    def test_of_a_unix_time_has_no_end_date(self, hipchat, room, said):
        query = {"date": str(time.time() + 60), "end-date": "2999-01-01"}
        assert self.found(hipchat, room, query) == said

    def test_takes_either_timezone_or_end_date(self, hipchat, room):
        query = {"date": "2999-01-01", "end-date": "2018-01-01", "timezone": "UTC"}
        assert hipchat.get(f"/room/{room}/history", params=query).status_code == 401

    def test_has_dates_in_the_requested_timezone(self, hipchat, room, said):
        items = hipchat.get(f"/room/{room}/history?timezone=Asia/Tokyo").json()["items"]
        assert items[0]["date"].endswith("+09:00")

    @pytest.mark.parametrize("query", ["date=yesterday", "timezone=Europe/Nowhere",
                                       "date=2018-01-01T00:00:00+00:00"])
    def test_of_no_date_or_timezone_is_refused(self, hipchat, room, said, query):
        assert hipchat.get(f"/room/{room}/history?{query}").status_code == 400

    @pytest.mark.parametrize("path", ["", "/latest"])
    def test_has_the_record_of_a_deleted_message(self, hipchat, room, said, path):
        hipchat.people.delete(said[1])
        path = f"/room/{room}/history{path}"
        items = hipchat.get(path).json()["items"]
        assert [item["message"] for item in items[:3]] == ["line 0", None, "line 2"]
        assert items[1]["id"] == said[1]
        items = hipchat.get(path + "?include_deleted=false").json()["items"]
        assert [item["id"] for item in items] == said[:1] + said[2:]
        assert said[1] not in [line["id"] for line in hipchat.people.transcript(room)]
        # A client whose last message was deleted still finds the later ones.
        assert self.latest(hipchat, room, {"not-before": said[1]}) == said[1:]

    def test_has_a_deleted_message_as_long_as_it_is_not_left_out(self, hipchat, room, said):
        hipchat.people.delete(said[1])
        path = f"/room/{room}/history/{said[1]}"
        assert hipchat.get(path).json()["message"]["message"] is None
        assert hipchat.get(path + "?include_deleted=false").status_code == 404
        with pytest.raises(SandboxError, match="Message 'none' not found"):
            hipchat.people.delete("none")

    def test_has_the_ids_of_the_deliveries(self, hipchat, room, receiver):
        hipchat.hook(room, receiver, "room_message")
        hipchat.hook(room, receiver, "room_notification")
        hipchat.people.say(room, "Robin Reed", "hi")
        hipchat.post(f"/room/{room}/notification", {"message": "built"})
        delivered = [body["item"]["message"]["id"] for body in receiver.bodies(2)]
        assert self.latest(hipchat, room, {}) == delivered

    def test_a_notification_is_from_a_string(self, hipchat, room):
        hipchat.post(f"/room/{room}/notification", {"message": "hi", "from": "Build"})
        item = hipchat.get(f"/room/{room}/history").json()["items"][0]
        assert (item["from"], item["type"], item["color"]) == ("Build", "notification", "yellow")
        assert "notification_sender" not in item

    def test_a_card_is_a_text(self, hipchat, room):
        parent = hipchat.people.say(room, "Robin Reed", "who?")
        hipchat.post(f"/room/{room}/notification", {
            "message": "hi", "card": SMALLEST_CARD, "attach_to": parent})
        item = hipchat.get(f"/room/{room}/history").json()["items"][1]
        assert json.loads(item["card"]) == SMALLEST_CARD and item["attach_to"] == parent

    def test_an_integration_is_named_as_sender(self, hipchat, room):
        token = requests.post(
            hipchat.url + "/oauth/token", auth=("an-addon", "its-secret"),
            json={"grant_type": "client_credentials"}).json()["access_token"]
        hipchat.post(f"/room/{room}/notification", {"message": "hi"}, token=token)
        item = hipchat.get(f"/room/{room}/history").json()["items"][0]
        assert item["notification_sender"]["type"] == "addon"
        assert item["notification_sender"]["client_id"] == "an-addon"

    def test_has_topics_too(self, hipchat, room):
        hipchat.people.act(room, "Robin Reed", "topic_change", topic="Lunch")
        item = hipchat.get(f"/room/{room}/history").json()["items"][0]
        assert (item["type"], item["message"], item["from"]["name"]) == (
            "topic", "Lunch", "Robin Reed")

    @staticmethod
    def latest(hipchat, room, query):
        answer = hipchat.get(f"/room/{room}/history/latest", params=query)
        return [item["id"] for item in answer.json()["items"]]

    @staticmethod
    def found(hipchat, room, query):
        answer = hipchat.get(f"/room/{room}/history", params=query)
        return [item["id"] for item in answer.json()["items"]]
