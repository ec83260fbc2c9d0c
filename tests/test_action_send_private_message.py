"""hipchat.send_private_message: messages to one person."""
import pytest


@pytest.mark.parametrize("name", ["@Berta", "berta@example.com"])
def test_says_it_to_a_person_by_mention_or_email(act, hipchat, room, name):
    hipchat.people.say(room, "Berta", "Here I am.")
    succeeded, result = act("send_private_message", user=name, message="<b>hi</b>", format="html")
    line = hipchat.people.inbox("Berta")[-1]
    assert succeeded and result["user"] == name
    assert (line["what"], line["format"]) == ("<b>hi</b>", "html")
