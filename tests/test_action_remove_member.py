"""hipchat.remove_member: removes a person from a private room."""


def members(hipchat, room):
    items = hipchat.api("GET", "/room/" + room + "/member").json()["items"]
    return [user["name"] for user in items]


def test_removes_the_person(act, hipchat, private_room):
    hipchat.people.say(private_room, "Gustav", "Here I am.")
    assert act("add_member", room=private_room, user="@Gustav")[0]
    assert "Gustav" in members(hipchat, private_room)
    assert act("remove_member", room=private_room, user="@Gustav") == (
        True, {"room": private_room, "user": "@Gustav"})
    assert ("Gustav" in members(hipchat, private_room)) is False
