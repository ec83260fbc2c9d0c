"""hipchat.send_message: messages of the token's owner."""


def test_says_it_as_the_tokens_user_and_returns_the_id(act, hipchat, room):
    succeeded, result = act("send_message", room=room, message="hello")
    line = hipchat.people.transcript(room)[-1]
    assert succeeded and result["room"] == room
    assert (line["who"], line["what"], line["type"]) == ("Sandbox Owner", "hello", "message")
    assert (line["id"], line["when"]) == (result["id"], result["timestamp"])


def test_goes_to_the_default_room(act, hipchat, room):
    assert act("send_message", config={"default_room": room}, message="hello")[1]["room"] == room
