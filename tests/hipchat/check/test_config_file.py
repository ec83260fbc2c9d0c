"""Whether what StackStorm has registered is what the config's file says."""
import pytest

from hipchat.check.config_file import file_findings

REGISTERED = {"api_key": "token", "api_url": "https://hipchat.example.com", "rooms": ["Factor"],
              "timeout": 10, "webhook": {"port": 8088, "host": "0.0.0.0"}, "events": ["message"]}
WRITTEN = """
api_key: "{{ st2kv.system.hipchat_api_key }}"
api_url: https://hipchat.example.com
rooms: [Factor]
webhook: {port: 8088}
events: [message]
"""


@pytest.fixture
def findings(tmp_path):
    """findings(text of the file, what is registered) -> the texts."""
    (tmp_path / "configs").mkdir()

    def look(text, config=REGISTERED, pack="packs/hipchat"):
        (tmp_path / "configs/hipchat.yaml").write_text(text)
        return [finding.text for finding in file_findings(config, tmp_path / pack)]

    return look


def test_nothing_is_said_of_what_is_the_same_but_for_defaults_and_templates(findings):
    assert findings(WRITTEN) == []
    assert findings("chatops: {allow: [{commands: [a.b], people: [2]}]}", {"chatops": {"allow": [
        {"commands": ["a.b"], "people": [2], "rooms": "*"}]}}) == []


@pytest.mark.parametrize("written, registered, differs", [
    (WRITTEN.replace("[Factor]", "Factor"), REGISTERED, "rooms"),
    (WRITTEN.replace("8088", "8089"), REGISTERED, "webhook.port"),
    (WRITTEN + "room: Ops", REGISTERED, "room"),
    (WRITTEN.replace("events: [message]", ""), REGISTERED, "events"),
    (WRITTEN, dict(REGISTERED, timeout=20), "timeout"),
    (WRITTEN, dict(REGISTERED, webhook=None), "webhook"),
    ("chatops: {allow: [{rooms: [1]}]}", {"chatops": {"allow": [{"rooms": "*"}]}}, "chatops.allow"),
    ("- x", REGISTERED, "all of it"),
    ("api_key: secret-a\napi_url: x", {"api_key": "secret-b", "api_url": "x"}, "api_key")])
def test_a_config_that_is_not_registered_is_said(findings, written, registered, differs):
    text, = findings(written, registered)
    assert f"is not what is registered (see {differs}):" in text and "secret-" not in text
    assert "st2ctl reload --register-configs" in text


def test_a_file_that_is_no_yaml_is_said_with_the_line(findings):
    text, = findings("api_key: token\nrooms: [Factor\nx")
    assert "is no YAML at line 3" in text


def test_nothing_is_said_where_there_is_no_file_to_read(findings, tmp_path):
    assert findings(WRITTEN, {}, "src/hipchat") == []
    assert findings("\0", {}) != [] and list(file_findings({}, tmp_path / "packs/other")) == []
