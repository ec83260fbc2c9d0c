"""hipchat.send_private_message: what is said to one person."""
import pytest


@pytest.mark.parametrize("name", ["@Berta", "berta@example.com"])
def test_says_it_to_a_person_by_mention_or_email(act, hipchat, room, name):
    hipchat.people.say(room, "Berta", "Here I am.")
    succeeded, result = act("send_private_message", user=name, message="<b>hi</b>", format="html")
    line = hipchat.people.inbox("Berta")[-1]
    assert succeeded and result["user"] == name
    assert (line["what"], line["format"]) == ("<b>hi</b>", "html")


def test_a_person_who_does_not_exist_is_told(act):
    succeeded, result = act("send_private_message", user="@nobody", message="hi")
    assert not succeeded and "User '@nobody' not found" in result["error"]


@pytest.mark.parametrize("parameters", [
    {"user": "", "message": "hi"}, {"user": "x" * 101, "message": "hi"},
    {"user": "@Berta", "message": "x" * 10001}])
def test_what_is_beyond_hipchats_limits_is_refused_here(act, parameters):
    succeeded, result = act("send_private_message", **parameters)
    assert not succeeded and "HipChat takes" in result["error"] and "status" not in result
