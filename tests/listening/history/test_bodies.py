"""What a webhook would have posted for an item of the history."""
from hipchat.api.room_history import read_items
from listening.history import bodies

ROOM = {"id": 1001, "name": "Factor", "links": {"self": "https://hipchat.example.com/v2/room/1001"}}
SAID = {"id": "message-1", "type": "message", "date": "2018-05-04T09:30:01.000000+00:00",
        "from": {"id": 2002, "name": "Ann"}, "mentions": [], "message": "number 1"}


def as_body(listed):
    return bodies.as_body(*read_items([listed]), ROOM, 7)


def test_that_of_a_card_has_it_as_an_object():
    item = dict(SAID, type="notification", card='{"style": "link"}', **{"from": "CI"})
    body = as_body(item)
    assert body["event"] == "room_notification"
    assert body["item"]["message"]["card"] == {"style": "link"}
    for unread in ("{", "[" * 5000 + "]" * 5000):
        assert as_body(dict(SAID, card=unread))["item"]["message"]["card"] == unread


def test_that_of_a_change_of_the_topic_has_the_sender_and_the_topic():
    body = as_body(dict(SAID, type="topic", message="Lunch"))
    assert (body["event"], body["item"]) == ("room_topic_change", {
        "sender": {"id": 2002, "name": "Ann"}, "topic": "Lunch", "room": ROOM})
