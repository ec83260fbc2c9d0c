"""The documents are true: links have targets, and examples give the shown output."""
import argparse
import json
import re
import runpy
import shlex

import pytest
import yaml
from support import REPOSITORY

from benchmarks import report
from hipchat.config.addon import REFERENCE
from hipchat.config.sensor_settings import SensorSettings
from sandbox import rule

PAGES = sorted(page.relative_to(REPOSITORY) for pattern in ("*.md", "docs/*.md", ".github/**/*.md")
               for page in REPOSITORY.glob(pattern))
each_page = pytest.mark.parametrize("page", PAGES, ids=str)
PAGE = (REPOSITORY / "docs/rules.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(yaml|console)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
HISTORY = {"result": {"result": {"room": "Factor", "messages": [
    {"id": str(minute), "date": f"2018-03-01T09:{minute}:00+00:00", "message": text,
     "type": "message", "mentions": [], "from": {"id": minute, "name": name}}
    for minute, name, text in ((30, "Ann", "ping hello"), (31, "Bob", "I ping you"))]}}}


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
    files = {"rule.yaml": definition or "", "history.json": json.dumps(HISTORY)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(REPOSITORY)
    words = [str(tmp_path / word) if word in files else word for word in shlex.split(command)]
    assert words[:4] == ["python", "-m", "sandbox", "rule"]
    parser = argparse.ArgumentParser()
    rule.add_arguments(parser)
    rule.main(parser.parse_args(words[4:]))
    shown = capsys.readouterr()
    assert timeless(shown.out + shown.err).strip() == timeless(output).strip()


def timeless(text):
    """The text with DATE in place of each date, as examples run now."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "DATE", text)


def test_every_example_of_a_rule_is_run():
    languages = [language for language, _ in BLOCKS]
    assert all(after == "console" for before, after in zip(languages, languages[1:])
               if before == "yaml")


def test_every_sample_rule_is_explained():
    for file in (REPOSITORY / "rules").glob("*.yaml"):
        assert "sandbox rule rules/" + file.name in PAGE
        assert f"`{yaml.safe_load(file.read_text())['name']}`" in PAGE


def prose(page):
    """A page without its examples."""
    return re.sub(r"```.*?```", "", (REPOSITORY / page).read_text("utf-8"), flags=re.DOTALL)


def anchors(page):
    """What a link to a heading of the page says after its #, as GitHub makes it."""
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@each_page
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            file = (REPOSITORY / page).parent.joinpath(path).resolve() if path else (
                REPOSITORY / page)
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


@each_page
def test_every_file_that_is_named_is_there(page):
    folders = "actions|aliases|benchmarks|docs|rules|sandbox|sensors|tests"
    named = re.findall(f"`((?:{folders})/[^` ]*)`", prose(page))
    for path in named:
        assert list(REPOSITORY.glob(path.rstrip("/").replace("NAME", "*"))), path


@each_page
def test_every_example_of_yaml_can_be_read_and_every_config_be_used(page):
    text = (REPOSITORY / page).read_text("utf-8")
    for indent, block in re.findall(r"^( *)```yaml\n(.*?)^ *```$", text,
                                    re.DOTALL | re.MULTILINE):
        for document in yaml.safe_load_all(re.sub("^" + indent, "", block, flags=re.MULTILINE)):
            for config in configs(document):
                assert SensorSettings.from_config(config)


def configs(document):
    """The pack's config, if it is one, or the one that values for Kubernetes hold."""
    if "api_url" in document:
        if "addon" in document:
            assert document["addon"]["credentials"] == REFERENCE
            document["addon"]["credentials"] = None  # what StackStorm finds there at first
        yield document
    elif "st2" in document:
        config = document["st2"]["packs"]["configs"]["hipchat.yaml"]
        # What StackStorm puts in from its datastore.
        yield yaml.safe_load(re.sub(r"\{\{ st2kv.*? \}\}", "token", config))


def test_the_readme_is_read_to_its_end_and_shows_the_example_of_the_config():
    text = (REPOSITORY / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 220
    assert (REPOSITORY / "hipchat.yaml.example").read_text() in re.sub("^   ", "", text,
                                                                       flags=re.MULTILINE)


def test_the_picture_of_the_chat_page_is_of_the_page_as_it_is():
    assert runpy.run_path(str(REPOSITORY / "docs/screenshot.py"))["is_current"](), (
        "docs/chat-page.png is older than the page: run docs/screenshot.py")


def test_the_plot_of_the_report_is_that_of_its_figures_and_small():
    before = {file: (report.HERE / "report" / file).read_text("utf-8")
              for file in ("report.md", "plot.svg")}
    assert report.pages() == before and len(before["plot.svg"]) <= 40000
