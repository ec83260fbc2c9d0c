"""hipchat.share_link: links for rooms and people."""
import pytest

LINK = "https://example.com/report"


def test_shares_a_link_with_a_room(act, hipchat, room):
    succeeded, result = act("share_link", room=room, link=LINK, message="Read this:")
    assert succeeded and result == {"room": room, "link": LINK, "message": "Read this:"}
    assert hipchat.people.transcript(room)[-1]["what"] == "Read this: " + LINK


def test_shares_a_link_with_a_person(act, hipchat, room):
    hipchat.people.say(room, "Clara", "Here I am.")
    succeeded, result = act("share_link", user="@Clara", link=LINK)
    assert succeeded and result["user"] == "@Clara"
    assert hipchat.people.inbox("Clara")[-1]["what"] == LINK


@pytest.mark.parametrize("parameters, words", [
    ({"link": "http://x"}, "link has 8 characters; HipChat takes 10 to 1000."),
    ({"link": LINK, "message": "x" * 1001}, "message has 1001 characters"),
    ({"link": LINK, "user": "@Clara"}, "Give either a room or a user.")])
def test_what_hipchat_would_refuse_is_refused_here(act, room, parameters, words):
    succeeded, result = act("share_link", room=room, **parameters)
    assert not succeeded and words in result["error"]
