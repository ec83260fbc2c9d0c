"""`python -m sandbox alias`: which alias a command is for, what it runs and says."""
import functools
import re
import shlex

import pytest
import yaml
from support import REPOSITORY

from sandbox import alias

PAGE = (REPOSITORY / "docs/chatops.md").read_text("utf-8")
EXAMPLES = re.findall(r"^\$ python -m sandbox (.*?)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OWN = """
name: deploy
pack: ops
action_ref: hipchat.send
formats:
  - "deploy {{ message }} to {{ room=Factor }}"
ack: {enabled: false}
result: {format: "{{ nosuch.x }}", extra: {hipchat: {private: true}}}
"""


@pytest.fixture
def run(run_command):
    """Run the command: run(*options) -> (exit status, what it printed)."""
    return functools.partial(run_command, alias)


@pytest.mark.parametrize("command, output", EXAMPLES)
def test_example_shows_what_the_page_says(run, command, output):
    words = shlex.split(command)
    assert words[0] == "alias" and run(*words[1:]) == (0, output)


def test_an_alias_of_ones_own_is_tried(run, tmp_path):
    file = tmp_path / "deploy.yaml"
    file.write_text(OWN)
    status, printed = run(file, "--say", "!DEPLOY web to Ops", "--status", "failed")
    assert status == 0 and 'room: "Ops"' in printed and "ack        none" in printed
    assert "hipchat.send ended: failed." in printed and 'color "red"' in printed


@pytest.mark.parametrize("said, words", [
    ("hipchat romos", "It does not run: There is no such command. Did you mean: hipchat rooms"),
    ("hipchat rooms x=1", "It does not run: That command has no parameter \"x\"."),
    ("x" * 1001, "It does not run: A command has at most 1000 characters")])
def test_a_command_that_does_not_run_is_explained_as_in_a_room(run, said, words):
    status, printed = run("--say", said)
    assert status == 1 and words in printed


@pytest.mark.parametrize("change, status, words", [
    ("immutable_parameters: {x: 1}", 1, "'x' was unexpected"),
    ("colour: red", 2, "'colour' was unexpected"),
    ("ack: {format: '{{ 1 | nosuch }}'}", 2, "cannot render its ack.format"),
    ("ack: {format: '{% if'}", 2, "cannot render its ack.format")])
def test_a_wrong_key_or_template_is_named(run, tmp_path, change, status, words):
    file = tmp_path / "deploy.yaml"
    file.write_text(OWN.replace("ack: {enabled: false}", "") + change)
    found, printed = run(file, "--say", "deploy web to Ops")
    assert found == status and words in printed, printed


def test_two_aliases_of_one_name_are_refused_as_in_a_room(run, tmp_path):
    for pack in ("ops", "dev"):
        (tmp_path / pack).write_text(OWN.replace("pack: ops", f"pack: {pack}"))
    status, printed = run(tmp_path / "ops", tmp_path / "dev", "--say", "deploy web")
    assert status == 1 and "warning    StackStorm finds an alias by its name alone" in printed


CHATOPS = {"prefix": "bot", "rooms": [7, 8], "extra_parameters": True, "allow": [
    {"commands": ["hipchat.rooms"], "people": "*", "rooms": [7]},
    {"commands": ["hipchat.rooms"], "people": ["17"], "rooms": "*"}]}


@pytest.mark.parametrize("said, status, words", [
    ("bot hipchat rooms", 0, ["in the room 7 for everyone", "in the room 8 for 17", "It runs."]),
    ("hipchat rooms include_archived=true", 0, ["include_archived: true"]),
    ("hipchat who is @Ann", 1, ["lets no person run hipchat.who_is"])])
def test_the_config_says_prefix_and_permissions(run, tmp_path, said, status, words):
    config = yaml.safe_load((REPOSITORY / "hipchat.yaml.example").read_text("utf-8"))
    file = tmp_path / "hipchat.yaml"
    file.write_text(yaml.safe_dump(dict(config, chatops=CHATOPS)))
    found, printed = run("--say", said, "--config", file)
    assert found == status and all(word in printed for word in words), printed


def test_a_wrong_config_is_named(run, tmp_path):
    status, printed = run("--say", "x", "--config", tmp_path / "none.yaml")
    assert status == 2 and "cannot read" in printed
