"""hipchat.get_message: one message by its id."""


def test_gives_hipchats_message(act, hipchat, room):
    said = hipchat.people.say(room, "Anna", "hello")
    succeeded, result = act("get_message", room=room, message_id=said)
    assert succeeded and (result["message"]["id"], result["message"]["message"]) == (said, "hello")
