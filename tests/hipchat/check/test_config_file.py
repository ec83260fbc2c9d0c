"""Whether StackStorm's registered config equals the config file."""
import json

import pytest
import yaml

from hipchat.check.config_file import file_findings
from sandbox.stackstorm import config as stackstorm_config
from support import REPOSITORY

REGISTERED = {"api_key": "token", "api_url": "https://hipchat.example.com", "rooms": ["Factor"],
              "timeout": 10, "webhook": {"port": 8088, "host": "0.0.0.0"}, "events": ["message"]}
WRITTEN = """
api_key: "{{ st2kv.system.hipchat_api_key }}"
api_url: https://hipchat.example.com
rooms: [Factor]
webhook: {port: 8088}
events: [message]
"""
ALLOWED = "chatops: {allow: [{commands: [a.b], people: [2]}]}"


def allowed(**more):
    """ALLOWED as StackStorm registers it."""
    return {"chatops": {"allow": [{"commands": ["a.b"], "people": [2], **more}]}}


@pytest.fixture
def findings(tmp_path):
    """findings(text of the file, what is registered) -> the texts."""
    (tmp_path / "configs").mkdir()

    def look(text, config=REGISTERED, pack="packs/hipchat"):
        (tmp_path / "configs/hipchat.yaml").write_text(text)
        return [finding.text for finding in file_findings(config, tmp_path / pack)]

    return look


@pytest.mark.parametrize("written, registered", [
    (WRITTEN, REGISTERED), (ALLOWED, allowed(rooms="*")), (ALLOWED, allowed()),
    ("chatops: {api_keys: {2001: key}}", {"chatops": {"api_keys": {"2001": "key"}}})],
    ids=["defaults and templates", "defaults in a list", "none in a list", "numbers as keys"])
def test_a_config_that_only_stackstorm_has_changed_has_no_finding(findings, written, registered):
    assert findings(written, registered) == []


@pytest.mark.parametrize("written", [
    WRITTEN,
    "api_url: https://hipchat.example.com",
    "webhook: {host: 10.1.1.1, port: 8088}\napi_url: https://hipchat.example.com",
    "{api_url: x, webhook: null, chatops: null, events: null, timeout: null, rooms: all}",
    "{api_url: x, webhook: {port: null, allow_from: null}, spool: {}, addon: {enabled: null}}",
    "{api_url: x, default_room: 1001, rooms: ['1001', 1002], timeout: 10.0, catch_up: 60}",
    "{api_url: x, api_key: '{% if true %}y{% endif %}', rooms: ['{{ st2kv.system.room }}']}",
    "{api_url: x, chatops: {rooms: ['1001', 1002], prefix: null, api_keys: {'2001': key}}}",
    "{api_url: x, chatops: {allow: [{people: '*', commands: ['*'], rooms: null}]}}",
    "{api_url: x, chatops: {allow: [{rooms: [1], people: ['2', 3], commands: ['*']}]}}"])
def test_nothing_is_said_of_a_file_that_was_just_registered(findings, written):
    schema = yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text())
    registered = stackstorm_config.complete(yaml.safe_load(written), schema)
    evaluated = json.loads(json.dumps(registered).replace("{{ st2kv.system.room }}", "Factor"))
    assert findings(written, evaluated) == []


@pytest.mark.parametrize("written, registered, differs", [
    (WRITTEN.replace("[Factor]", "Factor"), REGISTERED, "rooms"),
    (WRITTEN.replace("8088", "8089"), REGISTERED, "webhook.port"),
    (WRITTEN + "room: Ops", REGISTERED, "room"),
    (WRITTEN.replace("events: [message]", ""), REGISTERED, "events"),
    (WRITTEN, dict(REGISTERED, timeout=20), "timeout"),
    (WRITTEN, dict(REGISTERED, webhook=None), "webhook"),
    (WRITTEN.replace("webhook: {port: 8088}", ""), dict(REGISTERED, webhook={"port": 9}),
     "webhook.port"),
    (WRITTEN.replace("8088", "null"), dict(REGISTERED, webhook={"port": 9}), "webhook.port"),
    ("chatops: {allow: [{rooms: [1]}]}", {"chatops": {"allow": [{"rooms": "*"}]}}, "chatops.allow"),
    ("chatops: {api_keys: {2001: key}}", {"chatops": {"api_keys": {"2001": "old"}}},
     "chatops.api_keys.2001"),
    ("- x", REGISTERED, "all of it"),
    ("api_key: secret-a\napi_url: x", {"api_key": "secret-b", "api_url": "x"}, "api_key")])
def test_a_config_that_is_not_registered_is_a_finding(findings, written, registered, differs):
    text, = findings(written, registered)
    assert f"is not what is registered (see {differs}):" in text and "secret-" not in text
    assert "st2ctl reload --register-configs" in text


def test_a_file_that_is_no_yaml_is_a_finding_with_the_line(findings):
    text, = findings("api_key: token\nrooms: [Factor\nx")
    assert "is no YAML at line 3" in text


def test_a_missing_file_has_no_finding(findings, tmp_path):
    assert findings(WRITTEN, {}, "src/hipchat") == []
    assert findings("\0", {}) != [] and list(file_findings({}, tmp_path / "packs/other")) == []
