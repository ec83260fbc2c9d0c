"""hipchat.unarchive_room: rooms that are opened again."""


def test_unarchives_the_room_and_changes_nothing_else(act, hipchat, room):
    assert act("archive_room", room=room)[0]
    hipchat.api("PUT", "/room/" + room + "/topic", json={"topic": "Lunch"})
    succeeded, result = act("unarchive_room", room=room)
    after = hipchat.api("GET", "/room/" + room).json()
    assert succeeded and result["is_archived"] is False
    assert (after["is_archived"], after["topic"], after["name"]) == (False, "Lunch", room)
