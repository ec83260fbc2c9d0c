"""hipchat.add_member: adds a person to a private room."""


def test_adds_the_person(act, hipchat, private_room):
    hipchat.people.say(private_room, "Gustav", "Here I am.")
    assert act("add_member", room=private_room, user="@Gustav") == (
        True, {"room": private_room, "user": "@Gustav"})
    members = act("list_members", room=private_room)[1]["members"]
    assert "Gustav" in [user["name"] for user in members]
