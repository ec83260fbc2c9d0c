"""hipchat.delete_room: rooms that are deleted."""
import pytest


def test_deletes_the_room(act, hipchat, room):
    assert act("delete_room", room=room) == (True, {"room": room})
    assert hipchat.api("GET", "/room/" + room).status_code == 404


def test_a_room_that_does_not_exist_is_told(act):
    succeeded, result = act("delete_room", room="Nowhere")
    assert not succeeded and result["status"] == 404


@pytest.mark.parametrize("action", ["delete_room", "archive_room", "unarchive_room", "update_room",
                                    "get_room"])
def test_the_default_room_does_not_stand_in_for_a_name_that_is_empty(act, hipchat, room, action):
    before = hipchat.api("GET", "/room/" + room).json()
    succeeded, result = act(action, config={"default_room": room}, room="")
    assert not succeeded and result["error"].startswith("The room '' must be the name or the id")
    assert hipchat.api("GET", "/room/" + room).json() == before
