"""hipchat.invite: people who are asked to come to a room."""


def test_invites_the_person_with_the_reason(act, hipchat, room):
    hipchat.people.say(room, "Hanna", "Here I am.")
    succeeded, result = act("invite", room=room, user="@Hanna", reason="Cake!")
    assert succeeded and result == {"room": room, "user": "@Hanna", "reason": "Cake!"}
    assert hipchat.people.inbox("Hanna")[-1]["what"] == (
        f"You are invited to {room}. Cake!")


def test_needs_no_reason(act, hipchat, room):
    hipchat.people.say(room, "Hanna", "Here I am.")
    assert act("invite", room=room, user="@Hanna")[0]
