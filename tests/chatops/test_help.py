"""What !help lists."""
import pytest

from chatops.help import help_on, nearest
from chatops.matching import formats_of
from hipchat.text.template_guard import neutralize_templates

ALIASES = [
    {"pack": "ops", "name": "deploy", "description": "Deploy.", "formats": ["deploy {{ app }}"]},
    {"pack": "web", "name": "purge", "formats": [
        {"display": "purge <url>", "representation": ["purge {{ url }}", "(flush|drop) {{ url }}"]},
        {"representation": [r"burn (?P<url>\S+)"]}]},
    {"pack": "web", "name": "desk", "description": "Ask.", "formats": ["help desk {{ text }}"]}]
FORMATS = [format for alias in ALIASES for format in formats_of(alias)]
HIDDEN = "!help desk {{ text }} - (cannot be run: help is built in)"


@pytest.mark.parametrize("word, lines", [
    ("", ["!answer <id> <answer> - Answer a workflow's question.", "!deploy {{ app }} - Deploy.",
          "!help [word] - List all commands, or the commands of a pack or with a word.", HIDDEN,
          "!purge <url>"]),
    ("WEB", [HIDDEN, "!purge <url>"]), ("dep", ["!deploy {{ app }} - Deploy."])])
def test_lists_all_or_a_pack_or_what_holds_a_word(word, lines):
    reply = help_on(word, FORMATS, "!")
    assert (reply.text, reply.code.split("\n")) == ("You may run here:", lines)


def test_a_word_that_nothing_holds_is_shown_as_it_was_written():
    word = neutralize_templates("{{ x }}")
    assert help_on(word, FORMATS, "!").text == (
        f'No command that you may run here has "{word}" in it. !help lists all.')


def test_an_alias_that_is_meant_in_vain_is_named():
    assert help_on("desk my screen is dark", FORMATS, "!").text.startswith(
        "web.desk cannot be run: help is built in. No command")


def test_near_commands_are_shown_without_regular_expressions():
    assert sorted(nearest("burn it", FORMATS)) == ["deploy {{ app }}", "help desk {{ text }}",
                                                   "purge <url>"]
