"""The pack on a running StackStorm, installed there with `sandbox hipchat` as its HipChat.

ST2_API_URL names the StackStorm, whose authentication is off. The HipChat listens on its default
port and has the room Factor, which is in the pack's `rooms`.
"""
import os
import uuid

import pytest
from support.servers import direct
from support.waiting import wait_until

from sandbox.control_client import ControlClient

pytestmark = pytest.mark.stackstorm
ROOM = "Factor"
LIMIT = 60  # seconds: a StackStorm starts a process for each action and each look at webhooks


class Platform:
    """StackStorm's API, as far as these tests need it."""

    def __init__(self):
        self._session = direct()
        self._url = os.environ["ST2_API_URL"].rstrip("/") + "/v1"

    def call(self, method, path, **more):
        answer = self._session.request(method, self._url + path, timeout=30, **more)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def run(self, action, **parameters):
        """Run an action to its end; returns (succeeded, its result)."""
        started = self.call("POST", "/executions",
                            json={"action": action, "parameters": parameters})
        ended = wait_until(lambda: self._ended(started["id"]), LIMIT, what="the end of " + action)
        return ended["status"] == "succeeded", ended["result"]["result"]

    def _ended(self, execution):
        found = self.call("GET", "/executions/" + execution)
        return found if found["status"] in ("succeeded", "failed", "timeout") else None

    def delete_rule(self, ref):
        self.call("DELETE", "/rules/" + ref)

    def our_webhooks(self, event):
        """The pack's webhooks in the room for an event."""
        found = self.run("hipchat.list_webhooks", room=ROOM)[1]["webhooks"]
        return [hook for hook in found if hook["ours"] and hook["event"] == event]


@pytest.fixture(scope="module")
def platform():
    return Platform()


@pytest.fixture(scope="module")
def people():
    return ControlClient("http://127.0.0.1:8090")


@pytest.fixture
def rule(platform):
    """Create a rule that does nothing of note, on an event with these trigger parameters."""
    made = []

    def create(event, parameters):
        made.append(platform.call("POST", "/rules", json={
            "name": "test_" + uuid.uuid4().hex[:8], "pack": "hipchat", "enabled": True,
            "trigger": {"type": "hipchat." + event, "parameters": parameters}, "criteria": {},
            "action": {"ref": "core.noop", "parameters": {}}})["ref"])
        return made[-1]

    yield create
    there = {found["ref"] for found in platform.call("GET", "/rules", params={"pack": "hipchat"})}
    for ref in there.intersection(made):
        platform.delete_rule(ref)


@pytest.fixture
def enabled(platform):
    """Enable a rule of the pack for one test."""
    rules = []

    def enable(ref, on=True):
        found = platform.call("GET", "/rules/" + ref)
        platform.call("PUT", "/rules/" + found["id"], json=dict(found, enabled=on))
        rules.append(ref)

    yield enable
    for ref in list(rules):
        enable(ref, False)


def said(people, text):
    return [line for line in people.transcript(ROOM) if line["what"] == text]


@pytest.mark.parametrize("name", ["ping_pong", "ping_pong_anywhere"])
def test_a_ping_is_answered_in_green(people, enabled, name):
    enabled("hipchat." + name)
    word = uuid.uuid4().hex
    people.say(ROOM, "Ann", "ping " + word)
    pong = wait_until(lambda: said(people, "pong " + word), LIMIT)[0]
    assert pong["color"] == "green"


def test_a_webhook_lives_as_long_as_the_last_rule_that_needs_it(platform, rule):
    refs = [rule("archived", {"room": ROOM}) for _ in range(2)]
    wait_until(lambda: len(platform.our_webhooks("room_archived")) == 1, LIMIT)
    platform.delete_rule(refs[0])
    assert len(platform.our_webhooks("room_archived")) == 1
    platform.delete_rule(refs[1])
    wait_until(lambda: not platform.our_webhooks("room_archived"), LIMIT)


def test_a_message_is_found_by_its_trace_tag(platform, people, rule):
    word = uuid.uuid4().hex
    rule("message", {"room": ROOM, "filter": word})
    message = people.say(ROOM, "Ann", "say " + word)
    trace = wait_until(
        lambda: platform.call("GET", "/traces", params={"trace_tag": message}), LIMIT)
    assert trace[0]["trigger_instances"]


def test_a_healthy_set_up_passes_the_check(platform):
    succeeded, result = platform.run("hipchat.check")
    assert succeeded and all(line.startswith("ok: ") for line in result["lines"])
