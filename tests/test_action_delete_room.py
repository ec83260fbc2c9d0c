"""hipchat.delete_room: rooms that are deleted."""


def test_deletes_the_room(act, hipchat, room):
    assert act("delete_room", room=room) == (True, {"room": room})
    assert hipchat.api("GET", "/room/" + room).status_code == 404
