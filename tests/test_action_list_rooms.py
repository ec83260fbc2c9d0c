"""hipchat.list_rooms: which rooms there are."""
import pytest
from support.servers import Hipchat


@pytest.fixture(scope="module")
def hipchat():
    """A HipChat with the rooms A to E, where D is private and E archived."""
    server = Hipchat(*(word for name in "ABCDE" for word in ("--room", name)))
    for name, change in (("D", {"privacy": "private"}), ("E", {"is_archived": True})):
        room = server.api("GET", "/room/" + name).json()
        server.api("PUT", "/room/" + name, json=dict(room, **change))
    yield server
    server.stop()


@pytest.mark.parametrize("parameters, names", [
    ({}, "ABCD"), ({"include_archived": True}, "ABCDE"), ({"include_private": False}, "ABC"),
    ({"limit": 2}, "AB"), ({"limit": 1}, "A")])
def test_lists_the_rooms_that_are_asked_for(act, parameters, names):
    succeeded, result = act("list_rooms", **parameters)
    assert succeeded and [room["name"] for room in result["rooms"]] == list(names)


def test_expand_gives_each_room_in_full(act):
    assert "topic" not in act("list_rooms", limit=1)[1]["rooms"][0]
    assert "topic" in act("list_rooms", limit=1, expand=True)[1]["rooms"][0]
