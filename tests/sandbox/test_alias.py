"""`python -m sandbox alias`: which alias a command is for, what it runs and says."""
import argparse
import re
import shlex

import pytest
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
def run(capsys):
    """Run the command: run(arguments) -> (exit status, what it printed)."""

    def run(arguments):
        parser = argparse.ArgumentParser()
        alias.add_arguments(parser)
        status = alias.main(parser.parse_args(arguments))
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


@pytest.mark.parametrize("command, output", EXAMPLES)
def test_example_shows_what_the_page_says(run, command, output):
    words = shlex.split(command)
    assert words[0] == "alias" and run(words[1:]) == (0, output)


def test_an_alias_of_ones_own_is_tried(run, tmp_path):
    file = tmp_path / "deploy.yaml"
    file.write_text(OWN)
    status, printed = run([str(file), "--say", "!DEPLOY web to Ops", "--status", "failed"])
    assert status == 0 and 'room: "Ops"' in printed and "says first nothing" in printed
    assert "hipchat.send ended: failed." in printed and 'color "red"' in printed


@pytest.mark.parametrize("said, words", [
    ("hipchat romos", "It does not run: There is no such command. Did you mean: hipchat rooms"),
    ("hipchat rooms x=1", "It does not run: That command has no parameter \"x\"."),
    ("x" * 1001, "It does not run: A command has at most 1000 characters")])
def test_what_does_not_run_is_told_as_in_a_room(run, said, words):
    status, printed = run(["--say", said])
    assert status == 1 and words in printed


@pytest.mark.parametrize("change, words", [
    ("immutable_parameters: {x: 1}", "the sandbox has no immutable_parameters"),
    ("colour: red", "'colour' was unexpected")])
def test_what_is_wrong_or_not_here_is_told_by_name(run, tmp_path, change, words):
    file = tmp_path / "deploy.yaml"
    file.write_text(OWN + change)
    status, printed = run([str(file), "--say", "deploy web"])
    assert status == 2 and words in printed
