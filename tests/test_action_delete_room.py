"""hipchat.delete_room: rooms that are deleted."""


def test_deletes_the_room(act, hipchat, room):
    assert act("delete_room", room=room) == (True, {"room": room})
    assert hipchat.api("GET", "/room/" + room).status_code == 404


def test_a_room_that_does_not_exist_is_told(act):
    succeeded, result = act("delete_room", room="Nowhere")
    assert not succeeded and result["status"] == 404


def test_the_default_room_is_not_deleted_for_want_of_a_name(act, hipchat, room):
    assert act.definition("delete_room")["parameters"]["room"]["required"] is True
