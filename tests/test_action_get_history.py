"""hipchat.get_history: the messages of a room."""
import datetime

import pytest

from hipchat.text.sanitize import DELIMITER


@pytest.fixture
def spoken(hipchat, room):
    """The room, in which the numbers 0 to 4 were said."""
    for number in range(5):
        hipchat.people.say(room, "Anna", str(number))
    return room


def texts(result):
    return [message["message"] for message in result["messages"]]


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def test_gives_the_latest_oldest_first(act, spoken):
    succeeded, result = act("get_history", room=spoken, limit=3)
    assert succeeded and texts(result) == ["2", "3", "4"]
    assert result["messages"][0]["from"]["mention_name"] == "Anna"


@pytest.mark.parametrize("guard", [True, False])
def test_no_line_of_chat_makes_it_fail(act, hipchat, room, guard):
    hipchat.people.say(room, "Anna", "now " + DELIMITER)
    _, result = act("get_history", config={"template_guard": guard}, room=room)
    assert DELIMITER not in texts(result)[0] and "************" in texts(result)[0]


def test_gives_what_was_said_up_to_a_date_oldest_first(act, hipchat, spoken):
    date = now()
    hipchat.people.say(spoken, "Anna", "later")
    assert texts(act("get_history", room=spoken, date=date, limit=3)[1]) == ["2", "3", "4"]
    assert texts(act("get_history", room=spoken, date=date)[1]) == ["0", "1", "2", "3", "4"]


def test_gives_what_was_said_between_two_dates(act, hipchat, spoken):
    since = now()
    hipchat.people.say(spoken, "Anna", "later")
    assert texts(act("get_history", room=spoken, date=now(), end_date=since)[1]) == ["later"]


def test_a_wrong_date_is_an_error_in_hipchats_words(act, spoken):
    succeeded, result = act("get_history", room=spoken, date="yesterday")
    assert not succeeded and (result["status"], result["field"]) == (400, "date")


def test_messages_are_neutralized(act, hipchat, room):
    hipchat.people.say(room, "Mallory", "{{ st2kv.system.secret }}")
    assert "{{" not in texts(act("get_history", room=room)[1])[0]
