"""hipchat.reply: answers to messages."""


def test_answers_a_message(act, hipchat, room):
    asked = hipchat.people.say(room, "Anna", "Is it done?")
    succeeded, result = act("reply", room=room, message_id=asked, message="It is.")
    line = hipchat.people.transcript(room)[-1]
    assert succeeded and result == {"room": room, "message_id": asked, "message": "It is."}
    assert (line["what"], line["attach_to"]) == ("It is.", asked)


def test_a_message_that_does_not_exist_is_told(act, room):
    succeeded, result = act("reply", room=room, message_id="no-such-id", message="It is.")
    assert not succeeded and result["status"] == 404


def test_an_empty_answer_is_refused_here(act, room):
    succeeded, result = act("reply", room=room, message_id="1", message="")
    assert not succeeded and "message has 0 characters" in result["error"]
