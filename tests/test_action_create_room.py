"""hipchat.create_room: new rooms."""
import uuid


def test_makes_a_room_with_the_given_fields(act, hipchat, room):
    hipchat.people.say(room, "Emil", "Here I am.")
    name = "New " + uuid.uuid4().hex
    succeeded, result = act("create_room", name=name, topic="Lunch", privacy="private",
                            guest_access=True, owner="@Emil")
    made = hipchat.api("GET", "/room/" + name).json()
    assert succeeded and (result["id"], result["name"]) == (made["id"], name)
    assert (made["topic"], made["privacy"], made["is_guest_accessible"], made["owner"]["name"]) == (
        "Lunch", "private", True, "Emil")


def test_a_taken_name_is_an_error_in_hipchats_words(act, room):
    succeeded, result = act("create_room", name=room)
    assert not succeeded and result["status"] == 409
    assert "Another room exists with that name." in result["error"]
