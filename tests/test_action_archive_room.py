"""hipchat.archive_room: rooms that are closed."""


def test_archives_the_room_and_changes_nothing_else(act, hipchat, room):
    hipchat.api("PUT", "/room/" + room + "/topic", json={"topic": "Lunch"})
    succeeded, result = act("archive_room", room=room)
    after = hipchat.api("GET", "/room/" + room).json()
    assert succeeded and result["is_archived"] is True
    assert (after["is_archived"], after["topic"], after["name"]) == (True, "Lunch", room)
