"""hipchat.send_message: what is said as the token's user."""


def test_says_it_as_the_tokens_user_and_returns_the_id(act, hipchat, room):
    succeeded, result = act("send_message", room=room, message="hello")
    line = hipchat.people.transcript(room)[-1]
    assert succeeded and result["room"] == room
    assert (line["who"], line["what"], line["type"]) == ("Sandbox Owner", "hello", "message")
    assert (line["id"], line["when"]) == (result["id"], result["timestamp"])


def test_goes_to_the_default_room(act, hipchat, room):
    assert act("send_message", config={"default_room": room}, message="hello")[1]["room"] == room


def test_without_any_room_it_says_what_to_do(act):
    succeeded, result = act("send_message", message="hello")
    assert not succeeded and "set default_room" in result["error"]


def test_a_text_that_is_too_long_is_refused_here(act, hipchat, room):
    succeeded, result = act("send_message", room=room, message="x" * 10001)
    assert not succeeded and "status" not in result
    assert hipchat.people.transcript(room) == []


def test_a_room_that_does_not_exist_is_told_with_the_remedy(act):
    succeeded, result = act("send_message", room="Nowhere", message="hello")
    assert not succeeded and result["status"] == 404 and "Room 'Nowhere' not found" in (
        result["error"])
    assert result["remedy"].startswith("Check the name or id")
