"""hipchat.list_members: who belongs to a room."""


def test_lists_who_belongs_to_the_room(act, hipchat, room):
    succeeded, result = act("list_members", room=room)
    assert succeeded and result["room"] == room
    assert [user["name"] for user in result["members"]] == ["Sandbox Owner"]
    assert act("list_members", room=room, expand=True)[1]["members"][0]["email"]
