"""The sandbox's aliases: the calls of StackStorm's API, and what the sandbox refuses by name."""
import pytest
import requests
from support.waiting import wait_until


@pytest.fixture
def call(stackstorm):
    """Call the API: call(method, path, **body) -> (status, JSON)."""

    def call(method, path, **body):
        answer = requests.request(method, stackstorm._url + path, json=body or None, timeout=60)
        return answer.status_code, answer.json()

    return call


def test_lists_aliases_by_pages(call):
    names = [alias["name"] for offset in (0, 2, 4)
             for alias in call("GET", f"/v1/actionalias?limit=2&offset={offset}")[1]]
    assert names == ["check", "rooms", "send", "topic", "who_is"]


def test_matches_one(call):
    status, found = call("POST", "/v1/actionalias/match", command="hipchat who is @Ann")
    assert status == 200 and found["actionalias"]["ref"] == "hipchat.who_is"
    assert call("POST", "/v1/actionalias/match", command="hipchat") == (
        400, {"faultstring": "Command 'hipchat' matched no patterns"})


def test_runs_one_and_notifies(call, stackstorm):
    status, started = call("POST", "/v1/aliasexecution", name="rooms", format="hipchat rooms",
                           command="hipchat rooms", user="1", source_channel="2",
                           notification_route="hipchat")
    assert status == 201 and started["message"] == "Looking for rooms."
    received = wait_until(lambda: [each for each in stackstorm.api(
        "GET", "/v1/triggerinstances?trigger=core.st2.generic.notifytrigger")
        if each["payload"]["execution_id"] == started["execution"]["id"]])
    assert received[0]["payload"]["data"]["source_channel"] == "2"
    assert received[0]["payload"]["route"] == "hipchat"


@pytest.mark.parametrize("change, words", [
    ({"name": "nosuch"}, "Unable to identify"), ({"format": "nosuch"}, "is not available"),
    ({"command": "hipchat"}, "doesn't match"), ({"user": "{{ x }}"}, "does not support templates"),
    ({"strange": "x"}, "it cannot have strange")])
def test_refuses_what_stackstorm_refuses_and_what_it_does_not_do(call, change, words):
    body = dict({"name": "rooms", "format": "hipchat rooms", "command": "hipchat rooms",
                 "user": "1", "source_channel": "2"}, **change)
    status, answer = call("POST", "/v1/aliasexecution", **body)
    assert status == (404 if "name" in change else 400) and words in answer["faultstring"]


@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/inquiries/5f"), ("PUT", "/v1/inquiries/5f"),
    ("POST", "/v1/aliasexecution/match_and_execute")])
def test_refuses_by_name_what_it_has_not(call, method, path):
    assert call(method, path, x=1) == (
        400, {"faultstring": f"the sandbox does not support {method} {path}"})
