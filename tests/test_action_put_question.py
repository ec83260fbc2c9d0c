"""hipchat.put_question: a question has a code where another waits in the room."""
import pytest

from chatops.errors import StackStormError
from chatops.room_question import RoomQuestion, code_of
from chatops.stackstorm import StackStorm
from hipchat.text.filters import Filter


OWN, OTHER = "a" * 21 + "3f9", "b" * 21 + "3f9"


@pytest.fixture
def asked(act, hipchat, room, monkeypatch):
    """Put a question to the room: asked(*other executions of hipchat.ask) -> (its text, result)."""

    def asked(*others):
        def executions_since(self, action, since):
            if not others:
                raise StackStormError("GET /v1/executions", 403, "no right to execution_list")
            return [dict({"id": OWN, "status": "running", "parameters": {}}), *others]

        monkeypatch.setenv("ST2_ACTION_API_URL", "http://127.0.0.1:1/v1")
        monkeypatch.setenv("ST2_ACTION_EXECUTION_ID", "1")
        monkeypatch.setattr(StackStorm, "execution", lambda self, id: {"parent": OWN})
        monkeypatch.setattr(StackStorm, "executions_since", executions_since)
        succeeded, result = act("put_question", question="Go?", room=room,
                                config={"default_room": room})
        assert succeeded
        said = act("get_message", room=room, message_id=result["id"])[1]["message"]
        return said["message"], result

    return asked


def waits(status="running", **parameters):
    return {"id": OTHER, "status": status, "parameters": parameters}


def test_the_only_question_in_a_room_has_no_code(asked, hipchat, room):
    elsewhere = hipchat.make_room()
    assert asked(waits("succeeded", room=room), waits("timeout"), waits(room=elsewhere),
                 waits(room=str(hipchat.room_id(elsewhere))), waits(room="Deleted"))[0] == (
        "Go? (yes or no)")


def test_where_another_waits_a_question_has_a_code(asked, hipchat, room, act):
    for others in ([waits(room=room)], [waits("paused", room=str(hipchat.room_id(room)))],
                   [waits()]):
        text, result = asked(*others)
        assert text == "Go? (answer yes a3f9 or no a3f9)"
    hipchat.people.say(room, "Ann", "yes")
    hipchat.people.say(room, "Bob", "No a3f9!")
    succeeded, found = act("wait_for_message", room=room, after=result["id"],
                           filter=result["answer_filter"])
    assert succeeded and found["matches"] == ["No"] and found["message"]["from"]["name"] == "Bob"


def test_stackstorm_is_asked_for_other_questions(stackstorm):
    """Through its API. The sandbox runs no workflow, so it lists no question."""
    succeeded, result = stackstorm.run_action("hipchat.put_question", question="Go?",
                                              room=stackstorm.room)
    assert succeeded and result["answer_filter"] == RoomQuestion("Go?", "").answer_filter


def test_where_stackstorm_does_not_list_executions_there_is_a_code(asked):
    assert asked()[0] == "Go? (answer yes 3f9 or no 3f9)"


@pytest.mark.parametrize("text, groups", [
    ("yes", ["yes"]), ("  No. ", ["No"]), ("YES!!", ["YES"]), ("\U0001f44d yes", ["yes"]),
    ("yes?", None), ("yes\uff1f", None), ("\u00bfyes?", None), ("yes, but only tomorrow", None),
    ("yes or no, Bob?", None), ("yesterday", None), ("yes\u00e9", None), ("yes 3f9", None),
    ("No, wait {{ st2kv.system.secret }}", None), ("<% 7 * 7 %> yes", None), ("yes yes", None)])
def test_an_answer_is_the_word_alone(text, groups):
    assert Filter(RoomQuestion("Go?", "").answer_filter).groups(text) == groups


@pytest.mark.parametrize("text, groups", [
    ("yes 3f9", ["yes"]), ("No, 3F9!", ["No"]), ("yes", None), ("yes 3f8", None),
    ("yes 3f9?", None), ("yes3f9", None), ("yes 3f9 or not", None)])
def test_an_answer_to_a_question_with_a_code_names_it(text, groups):
    assert Filter(RoomQuestion("Go?", "3f9").answer_filter).groups(text) == groups


def test_a_code_is_short_and_no_others():
    assert code_of("aaaa3f9", []) == "3f9" and code_of("aaaa3f9", ["bbbb3f9"]) == "a3f9"
