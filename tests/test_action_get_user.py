"""hipchat.get_user: what HipChat tells of a person."""
import pytest


@pytest.fixture
def anna(hipchat, room):
    hipchat.people.say(room, "Anna", "Here I am.")
    return hipchat.api("GET", "/user/@Anna").json()


@pytest.mark.parametrize("key", ["id", "email", "mention_name"])
def test_finds_a_person_by_id_email_or_mention(act, anna, key):
    name = "@Anna" if key == "mention_name" else str(anna[key])
    assert act("get_user", user=name) == (True, anna)


def test_returns_presence(act, anna):
    assert act("get_user", user="@Anna")[1]["presence"]["is_online"] is True
    assert act("get_user", user="@SandboxOwner")[1]["presence"] is None
