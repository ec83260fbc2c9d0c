"""Whatever the sensor's log warns of is in /health, and in hipchat.check by name."""
import re

import pytest
from support import REPOSITORY
from support.waiting import wait_until

WRONG = [{"filter": "("}, {"room": ""}, {"colour": "red"}]


@pytest.fixture
def check(act):
    """What hipchat.check says of a sensor, or what it has to do."""
    def check(sensor, all_lines=False):
        lines = act("check", config=sensor.config)[1]["lines"]
        return [line for line in lines if all_lines or not line.startswith("ok: ")]
    return check


class TestRules:
    @pytest.fixture
    def sensor(self, hipchat, room, start_ready):
        sensor = start_ready(hipchat, rooms=[room], events=["message"])
        return sensor

    def test_with_wrong_parameters_are_counted_in_health_and_named_in_log_and_check(
            self, sensor, check):
        rules = [sensor.add_rule("message", parameters) for parameters in WRONG]
        wait_until(lambda: sensor.health()["reasons"] == ["rules: wrong trigger parameters (3)"])
        errors = sensor.log_lines(" ERROR ")
        assert len(errors) == 3
        for rule, wrong in zip(rules, ["compile", "room", "colour"]):
            assert [line for line in errors if rule in line and wrong in line]
        lines = check(sensor)
        assert len(lines) == 3 and all(any(rule in line for line in lines) for rule in rules)
        for rule in rules:
            assert rule not in str(sensor.health())
            sensor.remove_rule(rule)
        wait_until(lambda: sensor.health()["status"] == "ok")
        assert check(sensor) == []

    def test_for_a_room_that_cannot_be_had_are_named(self, sensor, check):
        rule = sensor.add_rule("message", {"room": "Nowhere"})
        wait_until(lambda: sensor.health()["reasons"] == [
            "rooms: a room's events cannot be received"])
        line, = check(sensor)
        assert rule in line and "Nowhere" in line and "404" in line
        warning, = sensor.log_lines(" WARN ")
        assert rule in warning and "Nowhere" in warning and "name or ID" in warning
        sensor.remove_rule(rule)
        wait_until(lambda: sensor.health()["status"] == "ok")

    def test_that_are_disabled_are_no_trouble(self, sensor):
        rule = sensor.add_rule("message", {"filter": "("})
        wait_until(lambda: sensor.health()["status"] == "degraded")
        sensor.api("PUT", "/v1/rules/" + rule, json=dict(
            sensor.api("GET", "/v1/rules/" + rule), enabled=False, trigger={
                "type": "hipchat.message", "parameters": {"filter": "("}}))
        wait_until(lambda: sensor.health()["status"] == "ok")


class TestHipchat:
    @pytest.fixture
    def server(self, start_hipchat):
        return start_hipchat("--room", "Factor")

    def test_that_refuses_the_token_is_the_first_thing_to_do_and_no_webhook_is_said_to_be_there(
            self, server, start_stackstorm, check):
        sensor = start_stackstorm(server, rooms=["Factor"], api_key="a-token-that-is-none-of-ours")
        wait_until(lambda: "HipChat: webhooks cannot be managed" in sensor.health().get(
            "reasons", []))
        lines = check(sensor)
        assert "401" in lines[0] and len(lines) == 1, lines
        assert not [line for line in check(sensor, all_lines=True) if "ok: webhooks" in line]
        assert sensor.health()["webhooks"]["present"] == 0

    def test_that_has_stopped_leaves_nothing_known_to_be_there(self, server, start_ready, check):
        sensor = start_ready(server, rooms=["Factor"])
        server.stop()
        assert "no connection" in check(sensor)[0]
        assert not [line for line in check(sensor, all_lines=True) if "ok: webhooks" in line]
        sensor.add_rule("archived", {"room": "Factor"})  # the sensor is to call HipChat
        wait_until(lambda: sensor.health()["webhooks"]["present"] == 0)
        assert "HipChat: webhooks cannot be managed" in sensor.health()["reasons"]


def test_details_are_for_those_alone_who_have_the_config(stackstorm, act):
    details = stackstorm.listener + "/health/" + "A" * 43
    answer = stackstorm._session.get(details, timeout=60)
    assert answer.status_code == 404
    config = dict(stackstorm.config)
    config["webhook"] = dict(config["webhook"], secret="another secret than the sensor's")
    lines = act("check", config=config)[1]["lines"]
    assert any("runs with another token or secret" in line for line in lines)


def test_nothing_but_health_writes_warnings():
    for file in (REPOSITORY / "sensors").glob("**/*.py"):
        if "hipchat" not in file.relative_to(REPOSITORY / "sensors").parts:
            found = re.findall(r"\.(?:warning|error|exception|critical)\(", file.read_text())
            assert not found, file
