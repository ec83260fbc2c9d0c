"""hipchat.share_link: links for rooms and people."""

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
