"""hipchat.remove_member: people who may no longer enter a private room."""


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


def test_a_person_who_does_not_exist_is_told(act, private_room):
    succeeded, result = act("remove_member", room=private_room, user="@nobody")
    assert not succeeded and "User '@nobody' not found" in result["error"]


def test_a_person_who_cannot_exist_is_refused_here(act, room):
    succeeded, result = act("remove_member", room=room, user="")
    assert not succeeded and "user has 0 characters; HipChat takes 1 to 100." in result["error"]
