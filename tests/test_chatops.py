"""ChatOps from a line of chat to the answer in the room, through the pack's own rules."""
import re
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.servers import Hipchat, Stackstorm
from support.waiting import wait_until

from chatops.command import prefix_filter

ROOM = "Factor"
RULES = {"hipchat.run_command", "hipchat.tell_result", "hipchat.tell_inquiry"}


@pytest.fixture(scope="module")
def hipchat():
    server = Hipchat("--room", ROOM, "--room", "Ops")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rooms(hipchat):
    """Their ids, by name."""
    return {room["name"]: room["id"] for room in hipchat.api("GET", "/room").json()["items"]}


@pytest.fixture(scope="module")
def stackstorm(hipchat, rooms, tmp_path_factory):
    """A StackStorm whose ChatOps was enabled as the page says: by one action."""
    process = Stackstorm(tmp_path_factory.mktemp("stackstorm"), hipchat, rooms=list(rooms),
                         chatops={"rooms": [rooms[ROOM]], "prefix": ":hc",
                                  "allow": [{"commands": ["hipchat.*"], "people": "*"}]})
    wait_until(process.has_its_webhooks)
    succeeded, result = process.run_action("hipchat.enable_chatops")
    assert succeeded and set(result["rules"]) == RULES
    wait_until(process.has_its_webhooks)
    yield process
    process.stop()


class Room:
    """What is said in a room, and what stands there since."""

    def __init__(self, hipchat, stackstorm, name):
        self._people, self._stackstorm, self._name = hipchat.people, stackstorm, name

    def ask(self, text, answers):
        """Say something; the texts of the answers, once there are as many."""
        before = len(self._people.transcript(self._name))
        self._people.say(self._name, "Ann", text)
        return wait_until(lambda: self._answers(before, answers), what="the answer to " + text)

    def say(self, text):
        """Say something; the result of the execution that heard it."""
        message_id = self._people.say(self._name, "Ann", text)
        return wait_until(lambda: self._heard(message_id), what="the end of " + text)

    def _answers(self, before, number):
        lines = [line["what"] for line in self._people.transcript(self._name)[before:]
                 if line["type"] == "notification"]
        return lines if len(lines) >= number else None

    def _heard(self, message_id):
        for execution in self._stackstorm.api("GET", "/v1/executions", params={
                "action": "hipchat.run_command"}):
            if execution["parameters"]["message_id"] == message_id:
                return execution.get("result")


@pytest.fixture
def factor(hipchat, stackstorm):
    return Room(hipchat, stackstorm, ROOM)


def test_the_rules_come_disabled_and_are_enabled_with_the_configs_prefix(stackstorm):
    rules = {rule["ref"]: rule for rule in stackstorm.api("GET", "/v1/rules")
             if rule["ref"] in RULES}
    assert all(rule["enabled"] for rule in rules.values())
    assert rules["hipchat.run_command"]["trigger"]["parameters"] == {
        "filter": prefix_filter(":hc")}


def test_a_command_is_acknowledged_and_answered(factor, rooms):
    assert factor.ask(":hc hipchat Rooms", 2) == [
        "@Ann Looking for rooms.",
        f"@Ann 2 rooms:\nFactor ({rooms[ROOM]})\nOps ({rooms['Ops']})"]


def test_an_answer_that_reads_like_a_command_is_none(factor):
    first = factor.ask(":hc hipchat topic Factor :hc hipchat rooms", 2)
    assert first == ["@Ann Setting the topic.", "@Ann The topic of Factor is now: "
                     ":hc hipchat rooms"]


def test_a_notification_is_no_command(hipchat, stackstorm, factor):
    hipchat.people.act(ROOM, "Ann", "notification", message=":hc hipchat rooms")
    assert len(factor.ask(":hc hipchat who is @Ann", 2)) == 2
    assert not [each for each in stackstorm.api("GET", "/v1/executions")
                if each["action"]["ref"] == "hipchat.run_command" and
                each["parameters"]["message"] == ":hc hipchat rooms"]


def test_another_room_is_not_answered(hipchat, stackstorm):
    result = Room(hipchat, stackstorm, "Ops").say(":hc hipchat rooms")["result"]
    assert result["outcome"] == "ignored" and "is not among chatops.rooms" in result["reason"]
    assert not [line for line in hipchat.people.transcript("Ops") if line["type"] == "notification"]


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
    heard = factor.say(f":hc hipchat topic Factor {tag} {text}")["result"]
    assert heard["outcome"] in ("ran", "refused"), heard
    for line in hipchat.people.transcript(ROOM)[-5:]:
        assert hipchat.token not in line["what"]
        assert not re.search(r"\b49\b", line["what"])
