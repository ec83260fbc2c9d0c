"""hipchat.reply: answers to messages."""


def test_answers_a_message(act, hipchat, room):
    asked = hipchat.people.say(room, "Anna", "Is it done?")
    succeeded, result = act("reply", room=room, message_id=asked, message="It is.")
    line = hipchat.people.transcript(room)[-1]
    assert succeeded and result == {"room": room, "message_id": asked, "message": "It is."}
    assert (line["what"], line["attach_to"]) == ("It is.", asked)
