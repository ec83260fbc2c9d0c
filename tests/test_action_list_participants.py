"""hipchat.list_participants: the people in a room."""


def test_lists_who_is_in_the_room(act, hipchat, room):
    for name in ("Anna", "Berta"):
        hipchat.people.act(room, name, "enter")
    hipchat.people.act(room, "Anna", "exit")
    succeeded, result = act("list_participants", room=room)
    assert succeeded and result["room"] == room
    assert [user["name"] for user in result["participants"]] == ["Berta"]
    assert act("list_participants", room=room, expand=True)[1]["participants"][0]["email"]


def test_stops_at_the_limit(act, hipchat, room):
    for name in ("Anna", "Berta", "Clara"):
        hipchat.people.act(room, name, "enter")
    assert len(act("list_participants", room=room, limit=2)[1]["participants"]) == 2
