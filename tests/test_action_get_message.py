"""hipchat.get_message: one message by its id."""


def test_gives_hipchats_message(act, hipchat, room):
    said = hipchat.people.say(room, "Anna", "hello")
    succeeded, result = act("get_message", room=room, message_id=said)
    assert succeeded and (result["message"]["id"], result["message"]["message"]) == (said, "hello")


def test_a_message_that_does_not_exist_is_told(act, room):
    succeeded, result = act("get_message", room=room, message_id="no-such-id")
    assert not succeeded and result["status"] == 404


def test_an_id_that_cannot_exist_is_refused_here(act, room):
    succeeded, result = act("get_message", room=room, message_id="x" * 37)
    assert not succeeded and "message_id has 37 characters" in result["error"]
