"""hipchat.update_room: changes of a room."""


def test_changes_what_is_given_and_keeps_the_rest(act, hipchat, room):
    hipchat.api("PUT", "/room/" + room + "/topic", json={"topic": "Lunch"})
    before = hipchat.api("GET", "/room/" + room).json()
    succeeded, result = act("update_room", room=room, privacy="private", guest_access=True)
    after = hipchat.api("GET", "/room/" + room).json()
    changed = {"privacy": "private", "is_guest_accessible": True}
    assert succeeded and after == dict(before, **changed, links=after["links"])
    assert {key: result[key] for key in ("id", "name", "topic", *changed)} == {
        "id": before["id"], "name": room, "topic": "Lunch", **changed}


def test_changes_name_topic_and_owner(act, hipchat, room):
    hipchat.people.say(room, "Frida", "Here I am.")
    assert act("update_room", room=room, name=room + " 2", topic="", owner="@Frida")[0]
    after = hipchat.api("GET", "/room/" + room + " 2").json()
    assert (after["topic"], after["owner"]["name"]) == ("", "Frida")
