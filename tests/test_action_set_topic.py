"""hipchat.set_topic: the topic of a room."""
import pytest


@pytest.mark.parametrize("topic", ["Lunch: Käse & Brot", "x" * 250, ""])
def test_sets_the_topic(act, hipchat, room, topic):
    assert act("set_topic", room=room, topic=topic) == (True, {"room": room, "topic": topic})
    assert hipchat.api("GET", "/room/" + room).json()["topic"] == topic


def test_a_topic_that_is_too_long_is_refused_here(act, room):
    succeeded, result = act("set_topic", room=room, topic="x" * 251)
    assert not succeeded and "topic has 251 characters; HipChat takes 0 to 250." in result["error"]
