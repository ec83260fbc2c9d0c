"""Executions of commands and their results in the room, with a fake StackStorm."""
import time

import pytest
from support.chat import Chat
from support.played_stackstorm import PlayedStackStorm
from support.waiting import wait_until

from chatops.stackstorm import LARGEST_RESULT


@pytest.fixture
def st2():
    with PlayedStackStorm() as played:
        yield played


@pytest.fixture
def chat(hipchat, st2, start_stackstorm):
    """A room whose commands run in the played StackStorm."""
    return Chat(hipchat, hipchat.make_room()).start(start_stackstorm, hipchat, st2)


def test_the_end_on_the_stream_is_answered_once(chat, st2):
    id = chat.begin()
    st2.tell({"id": "5f" * 12, "status": "succeeded", "result": {"stdout": "x" * 9_000_000}})
    st2.end(id, "all well")
    st2.tell(st2.executions[id])
    assert chat.answers(2) == ["@Ann Started. (details available at "
                            f"https://st2/#/history/{id})", "@Ann all well"]
    assert chat.lines()[1]["color"] == "green"
    wait_until(chat.is_idle)
    assert len(chat.lines()) == 2


def test_each_attempt_of_a_retried_action_is_answered(chat, st2):
    execution_id = chat.begin()
    for attempt in (2, 3):
        st2.end(execution_id, status="failed")
        assert len(chat.answers(attempt)) == attempt
        execution_id = st2.retry(execution_id)
    st2.end(execution_id, "at last")
    assert chat.answers(4)[3] == "@Ann at last"
    assert [line["color"] for line in chat.lines()[1:]] == ["red", "red", "green"]
    wait_until(chat.is_idle)


def test_no_call_uses_a_connection_that_stackstorm_may_close_before_it(chat, st2):
    for _ in range(3):
        chat.begin()
    connections = {request.client for request in st2.requests}
    assert len(connections) >= len(st2.calls) >= 5


def test_an_end_before_the_start_is_confirmed_follows_the_acknowledgement(chat, st2):
    st2.hangs, st2.ends_at_once = 1.0, 0.1
    assert [text.partition(" ")[2][:7] for text in chat.ask("!say hi", 2)] == ["Started", "say hi"]


def test_the_result_of_a_quick_command_is_posted_without_the_right_to_read_it(chat, st2):
    st2.faults["GET", "/executions/"] = (403, {"faultstring": "no action_view"})
    st2.ends_at_once = 0.001
    assert chat.ask("!say hi", 2)[1] == "@Ann say hi"


def test_an_end_that_the_stream_has_lost_is_found(chat, st2):
    st2.has_stream = False
    st2.end_streams()
    id = chat.begin()
    wait_until(lambda: any("event stream cannot be read" in reason
                           for reason in chat.stackstorm.health()["reasons"]))
    st2.end(id, is_sent=False)
    assert chat.answers(2)[1] == "@Ann done"
    st2.has_stream = True
    wait_until(lambda: chat.stackstorm.health()["status"] == "ok")


@pytest.mark.parametrize("fault, words", [
    ((403, {"faultstring": "no permission"}), "may not read what became of this command"),
    ((404, {}), "does not have the execution")])
def test_a_result_that_cannot_be_read_is_said(chat, st2, fault, words):
    st2.faults["GET", "/executions/" + chat.begin()] = fault
    st2.end_streams()  # the sensor then looks up running executions
    assert words in chat.answers(2)[1] and chat.lines()[1]["color"] == "red"
    wait_until(chat.is_idle)


def test_an_account_without_rights_is_not_called_an_outage(chat, st2):
    st2.faults["GET", "/actionalias"] = 403, {"faultstring": "no permission"}
    st2.end_streams()  # the sensor reads the aliases when the stream begins
    wait_until(lambda: "commands: StackStorm's API refuses the account" in
               chat.stackstorm.health()["reasons"])
    assert "hipchat_reads" in chat.stackstorm.log()


def test_a_result_that_is_too_large_for_a_room_is_said(chat, st2):
    st2.end(chat.begin(), result_size=LARGEST_RESULT + 1)
    assert "Its result has 1048577 bytes, too many for a room." in chat.answers(2)[1]


def test_a_workflows_question_is_asked_once_and_answered(chat, st2):
    id = chat.begin()
    asked = st2.ask(id)
    st2.tell(st2.executions[asked])
    assert chat.answers(2)[1] == ("@Ann ops.say asks, for at most 60 minutes:\ngo: Go on?\n"
                               f"Answer with: !answer {asked} yes (or no)")
    assert chat.ask(f"!answer {asked} yes") == ["@Ann Thank you, the workflow continues."]
    assert ("PUT", "/inquiries/" + asked, {"id": asked, "response": {"go": True}}) in st2.calls
    st2.end(id)
    assert chat.answers(2)[1] == "@Ann done"


def test_a_question_that_the_stream_has_lost_is_asked(chat, st2):
    st2.ask(chat.begin(), is_sent=False)
    st2.end_streams()
    assert "asks, for at most 60 minutes" in chat.answers(2)[1]


def test_who_may_not_answer_and_what_stackstorm_refuses_is_said(chat, st2):
    chat.stackstorm.config["chatops"]["allow"] = [
        {"commands": ["ops.say"], "people": [chat.ids["Ann"]]},
        {"commands": ["other"], "people": [chat.ids["Bob"]]}]
    chat.stackstorm.restart()
    wait_until(chat.is_idle)
    asked = st2.ask(chat.begin())
    chat.answers(2)
    call = "PUT", "/inquiries/" + asked
    st2.faults[call] = (400, {"faultstring": "Inquiry has already been responded to"})
    for person, words in [
            ("Bob", "That question is not for you to answer: it is for the people who may run "
                    "ops.say."),
            ("Ann", "Inquiry has already been responded to")]:
        assert words in chat.ask(f"!answer {asked} yes", person=person)[0]
    st2.faults[call] = (502, {})
    assert "The workflow may have it nevertheless" in chat.ask(f"!answer {asked} yes")[0]


def test_an_api_that_hangs_holds_no_event_up(chat, st2):
    st2.hangs = 20
    rule = chat.stackstorm.add_rule("message", {"room": chat.name})
    trigger = chat.stackstorm.trigger_of(rule)
    for number in range(25):
        chat.people.say(chat.name, "Ann", f"!say {number}")
    chat.people.say(chat.name, "Ann", "now")
    chat.stackstorm.received(trigger, 26)
    assert "Started." not in "".join(line["what"] for line in chat.lines()), "each start hangs"
    wait_until(lambda: len(st2.started()) == 20)
    answer = wait_until(lambda: [line["what"] for line in chat.lines()
                               if "I am busy with 20 commands." in line["what"]])
    assert len(answer) <= 5


def test_a_command_that_stackstorm_refuses_or_may_have_started_is_reported(chat, st2):
    st2.faults["POST", "/aliasexecution"] = (400, {"faultstring": "the words\nand a schema"})
    assert chat.ask("!say hi") == ["@Ann the words"]
    st2.faults["POST", "/aliasexecution"] = (502, {})
    assert "may run nevertheless" in chat.ask("!say hi")[0]


def test_a_new_alias_can_be_used_immediately(chat, st2):
    assert "no such command" in chat.ask("!shout hi")[0]
    time.sleep(1)  # for which the aliases count as fresh
    st2.aliases.append(st2.alias("shout", ["shout {{ words }}"], id="5d" * 12))
    assert chat.ask("!shout hi")[0].startswith("@Ann Started.")
    read = sum(call[1] == "/actionalias" for call in st2.calls)
    chat.ask("!say hi")
    assert sum(call[1] == "/actionalias" for call in st2.calls) == read


def test_commands_that_ended_while_the_sensor_was_away_are_answered(chat, st2):
    id = chat.begin()
    chat.stackstorm.stop()
    st2.end(id, "while away", is_sent=False)
    chat.stackstorm.start()
    assert chat.answers(2)[1] == "@Ann while away"
    wait_until(chat.is_idle)
    assert len(chat.lines()) == 2
    assert chat.stackstorm.health()["commands"]["oldest"] == 0


def test_a_command_started_just_before_a_kill_is_found_and_not_run_again(chat, st2):
    st2.hangs = 5
    chat.say("!say hi")
    wait_until(st2.started)
    chat.stackstorm.kill()
    st2.hangs = 0
    chat.stackstorm.start()
    assert chat.answers()[0].startswith("@Ann Running ops.say.")
    st2.end(st2.started()[0]["id"])
    assert chat.answers(2)[1] == "@Ann done"
    assert len(st2.started()) == 1


def test_without_an_owner_of_the_token_no_command_runs_and_health_says_why(
        st2, start_stackstorm, start_hipchat):
    server = start_hipchat("--room", "Factor")
    chat = Chat(server, "Factor")
    server.people.faults({"paths": "/v2/oauth/token/", "status": 404})
    chat.start(start_stackstorm, server, st2)
    assert "I run no commands now." in chat.ask("!say hi")[0]
    assert any("the owner of the pack's token is unknown" in reason
               for reason in chat.stackstorm.health()["reasons"])
    assert not st2.started()


def test_a_reply_waits_for_hipchat(chat, st2):
    id = chat.begin()
    chat.people.faults({"paths": "/notification", "status": 503, "times": 2})
    st2.end(id)
    assert chat.answers(2)[1] == "@Ann done"
    wait_until(chat.is_idle)
    assert len(chat.lines()) == 2


def test_a_wrong_section_stops_no_event_and_a_right_one_is_taken(chat):
    chat.stackstorm.config["chatops"]["rooms"] = ["Factor"]
    chat.stackstorm.restart()
    wait_until(lambda: "commands: not accepted, because chatops in the config is wrong" in
               chat.stackstorm.health().get("reasons", []))
    assert "'Factor': it must be the id of a room" in chat.stackstorm.log()
