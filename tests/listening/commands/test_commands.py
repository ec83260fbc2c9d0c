"""Commands from a line of chat to the answer in the room, through the sensor."""
import json
import re
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chat import Chat
from support.load import post, signed_url
from support.servers import Hipchat, Stackstorm, direct
from support.waiting import wait_until

PREFIX = ":hc "


@pytest.fixture(scope="module")
def hipchat():
    with Hipchat("--room", "Factor", "--room", "Ops") as server:
        yield server


@pytest.fixture(scope="module")
def room(hipchat):
    return Chat(hipchat, "Factor")


@pytest.fixture(scope="module")
def stackstorm(hipchat, room, tmp_path_factory):
    """A StackStorm whose config alone switches commands on; no rule listens in the room."""
    allow = [{"commands": ["hipchat.*"], "people": [room.ids["Ann"]]},
             {"commands": ["other.*"], "people": [room.ids["Bob"]]}]
    with Stackstorm(tmp_path_factory.mktemp("stackstorm"), hipchat, rooms=["Ops"],
                    chatops=room.config(prefix=PREFIX.strip(), allow=allow)) as process:
        wait_until(lambda: process.webhooks("Factor"), what="the webhook for commands")
        room.stackstorm = process
        yield process


@pytest.fixture
def factor(room, stackstorm):
    return room


@pytest.fixture
def post_message(factor, stackstorm):
    """Deliver an old message, by default of Ann's, that is not in HipChat's history."""
    def post_message(message, sender=None):
        ann = {"id": factor.ids["Ann"], "name": "Ann", "mention_name": "Ann"}
        body = {"event": "room_message", "webhook_id": 7, "item": {
            "message": {"id": str(uuid.uuid4()), "type": "message", "message": message,
                        "date": "2026-05-04T09:30:00+00:00", "from": sender or ann},
            "room": {"id": factor.room_id, "name": factor.name}}}
        assert post(signed_url(stackstorm, factor.name), json.dumps(body).encode()) == 204

    return post_message


def test_a_command_is_acknowledged_and_answered(factor, hipchat):
    assert factor.ask(":hc hipchat Rooms", 2) == [
        "@Ann Looking for rooms.",
        f"@Ann 2 rooms:\nFactor ({factor.room_id})\nOps ({hipchat.room_id('Ops')})"]
    assert [line["color"] for line in factor.lines()] == ["gray", "green"]


def test_metrics_count_the_calls_that_post_replies(factor, stackstorm):
    def posted():
        with direct() as http:
            text = http.get(stackstorm.listener + "/metrics", timeout=60).text
        counted = re.search(r'^hipchat_api_calls_total{status="204"} (.+)$', text, re.MULTILINE)
        return float(counted.group(1)) if counted else 0

    before = posted()
    factor.ask(":hc hipchat rooms", 2)
    wait_until(lambda: posted() - before == 2)


def test_stackstorm_gets_ids_and_the_name_of_the_user_who_runs_it(factor, stackstorm):
    message_id = factor.say(":hc hipchat who is @Ann")
    factor.answers(2)
    execution = next(each for each in stackstorm.api("GET", "/v1/executions")
                     if each["action"]["ref"] == "hipchat.get_user")
    assert execution["context"]["api_user"] == "stanley"
    assert execution["context"]["source_channel"] == str(factor.room_id)
    notify = execution["liveaction"]["notify"]["on-complete"]
    assert notify == {"routes": ["hipchat"], "data": {
        "user": "stanley", "source_channel": str(factor.room_id), "source_context": {
            "room_id": str(factor.room_id), "requester_id": str(factor.ids["Ann"]),
            "message_id": message_id}}}


def test_messages_still_reach_their_triggers(factor, stackstorm, hipchat):
    rule = stackstorm.add_rule("message", {"room": "Factor", "filter": "^:hc help"})
    factor.ask(":hc help topic", 2)
    assert stackstorm.received(stackstorm.trigger_of(rule))[-1]["message"] == ":hc help topic"
    stackstorm.remove_rule(rule)


def test_talk_in_a_room_of_commands_counts_as_filtered(factor, stackstorm):
    before = stackstorm.health()["dropped"].get("filtered", 0)
    factor.say("hello everybody")
    wait_until(lambda: stackstorm.health()["dropped"].get("filtered", 0) == before + 1)
    assert "unwanted" not in stackstorm.health()["dropped"]


@pytest.mark.parametrize("text", ["!!!", "?"])
@pytest.mark.parametrize("person", ["Ann", "Bob"])
def test_other_text_gets_no_reply(factor, text, person):
    assert factor.outcome(PREFIX + text, person).startswith("ignored")
    assert factor.lines() == []


def test_a_notification_and_another_room_and_a_guest_get_silence(factor, hipchat, post_message):
    factor.say("now")
    hipchat.people.act("Factor", "Ann", "notification", message=":hc hipchat rooms")
    hipchat.people.say("Ops", "Ann", ":hc hipchat rooms")
    post_message(":hc hipchat rooms", "A guest")
    hipchat.people.say("Factor", "Ann", ":hc hipchat who is @Ann")
    assert factor.answers(3)[0] == ":hc hipchat rooms"
    wait_until(factor.is_idle)
    assert len(factor.lines()) == 3
    assert not [line for line in hipchat.people.transcript("Ops")
                if line["type"] == "notification"]


def test_the_packs_own_words_are_no_command(factor, hipchat):
    owner = hipchat.api("GET", "/user/@SandboxOwner").json()["id"]
    assert hipchat.api("POST", "/room/Factor/message", json={
        "message": ":hc hipchat rooms"}).status_code == 201
    wait_until(lambda: f"by {owner}, message" in factor.stackstorm.log())
    assert "ignored (own)" in factor.stackstorm.log()


@pytest.mark.parametrize("text, words", [
    ("hipchat romos", "There is no such command. Did you mean: hipchat rooms"),
    ("hipchat rooms " + "x" * 1000, "at most 1000 characters"),
    ("hipchat rooms" + " a=b" * 6, "at most 5 equals signs"),
    ("hipchat rooms timeout=1", "no parameter \"timeout\""),
    ("answer 5f", "Write :hc answer, the question's id, and your answer.")])
def test_a_wrong_command_is_answered_in_a_sentence(factor, text, words):
    answer, = factor.ask(PREFIX + text)
    assert answer.startswith("@Ann ") and words in answer and "\n" not in answer


def test_a_person_without_permission_learns_who_has_it(factor):
    assert factor.ask(":hc hipchat rooms", person="Bob") == [
        "@Bob You may not run hipchat.rooms here. These people may: Ann."]


def test_help_names_what_the_person_may_run(factor):
    mention, code = factor.ask(":hc help topic", 2)
    assert mention == "@Ann You may run here:"
    assert code.startswith("<pre>:hc hipchat topic &lt;room&gt; &lt;topic&gt; - Set the topic")


def test_fifty_old_commands_cost_one_message(factor, post_message):
    factor.say("now")
    for number in range(50):
        post_message(f":hc hipchat topic Factor {number}")
    answer, = factor.answers()
    assert answer.startswith("@Ann 50 commands were said while I was away, the first ")
    wait_until(factor.is_idle)
    assert len(factor.lines()) == 1


def test_the_log_and_health_report_each_command_and_never_its_text(factor, stackstorm):
    before = stackstorm.health()["commands"]
    factor.ask(":hc hipchat topic Factor verysecret", 2)
    factor.ask(":hc hipchat nosuchthing verysecret")
    wait_until(factor.is_idle)
    after = stackstorm.health()["commands"]
    assert {key: after[key] - before[key] for key in ("started", "answered", "refused")} == {
        "started": 1, "answered": 1, "refused": 1}
    assert "started; alias hipchat.topic" in stackstorm.log() and "verysecret" not in "".join(
        line for line in stackstorm.log().splitlines() if "sandbox.actions" not in line)


PIECES = ["{{ config_context.api_key }}", "{{ st2kv.system.secret }}", "{{ 7*7 }}", "<% 7*7 %>",
          "<% st2kv('system.secret') %>", "{% raw %}", "{% endraw %}", "{{", "}}", "{", "}", "%}",
          '"', "'", "\u201c", "\\", "=", "a=b", "k=\"v w\"", " ", "   ", "\n", "x", "$(id)", "`id`",
          r"\u007b\u007b", "hipchat send Factor", "hipchat rooms", "help", "answer 5f", "@all"]


@settings(max_examples=20, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=10).map("".join))
def test_nothing_hostile_is_evaluated_and_nothing_gets_stuck(hipchat, factor, text):
    """What evaluates on the real platform is tried there; here nothing fails, or tells a secret."""
    tag = uuid.uuid4().hex
    outcome = factor.outcome(f":hc hipchat topic Factor {tag} {text}")
    assert outcome.partition(" ")[0] in ("started", "rejected"), outcome
    wait_until(factor.is_idle)
    for line in factor.lines():
        assert hipchat.token not in line["what"]
        assert not re.search(r"\b49\b", line["what"])
