"""The examples of docs/rules.md do what the page says."""
import argparse
import re
import shlex

import pytest
import yaml
from conftest import REPOSITORY

from sandbox import rule

PAGE = (REPOSITORY / "docs/rules.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(yaml|console)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def examples():
    """Each command, what it shows, and the rule.yaml that it is about."""
    definition = None
    for language, text in BLOCKS:
        if language == "yaml":
            definition = text
            continue
        for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            yield pytest.param(command, output, definition, id=command.partition("rule ")[2])


@pytest.mark.parametrize("command, output, definition", list(examples()))
def test_example_shows_what_the_page_says(command, output, definition, tmp_path, monkeypatch,
                                          capsys):
    file = tmp_path / "rule.yaml"
    file.write_text(definition or "")
    monkeypatch.chdir(REPOSITORY)
    words = [str(file) if word == file.name else word for word in shlex.split(command)]
    assert words[:4] == ["python", "-m", "sandbox", "rule"]
    parser = argparse.ArgumentParser()
    rule.add_arguments(parser)
    rule.main(parser.parse_args(words[4:]))
    shown = capsys.readouterr()
    assert (shown.out + shown.err).strip() == output.strip()


def test_every_example_of_a_rule_is_run():
    languages = [language for language, _ in BLOCKS]
    assert all(after == "console" for before, after in zip(languages, languages[1:])
               if before == "yaml")


def test_every_sample_rule_is_explained():
    for file in (REPOSITORY / "rules").glob("*.yaml"):
        assert "sandbox rule rules/" + file.name in PAGE
        assert "`{}`".format(yaml.safe_load(file.read_text())["name"]) in PAGE
