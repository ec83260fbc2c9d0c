"""What is a command, and what is refused before anybody is asked."""
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatops.chat_message import check_age, check_harmless, command_in, prefix_filter
from chatops.errors import CommandRejected, CommandTooOld, NotACommand
from hipchat.text.filters import Filter
from hipchat.text.template_guard import BREAK, neutralize_templates

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize("text, command", [
    ("!deploy web", "deploy web"), ("! deploy   web ", "deploy web"),
    ("!say a\n\n  b\u00a0\u2003c", "say a\nb c"),
    ("!say \u201ca b\u201d \u2018c\u2019", "say \"a b\" 'c'"), ("!!", "!"),
    ("!run \u2014force \u2013dry 10\u201312 a \u2014 b '\u2014x'",
     "run --force --dry 10\u201312 a \u2014 b '--x'"),
    ("\ufeff\u200b!\u2060deploy web", "deploy web")])
def test_command_is_as_if_typed_on_a_plain_keyboard(text, command):
    assert command_in(text, "!") == command


@pytest.mark.parametrize("text", ["!{{ x }}", "!say {{ x }}", "\ufeff!{% x %}", "!say <% x %>{",
                                  "!\u200b{{ x }}"])
def test_the_guards_characters_stay(text):
    command = command_in(neutralize_templates(text), "!")
    assert command == neutralize_templates(command).lstrip(BREAK)
    assert not re.search("\\{[{%]|<%|[%}]}|%>", command)


@pytest.mark.parametrize("text", ["deploy", "", "!", "!  ", " !deploy", "hi !deploy"])
def test_other_text_is_none(text):
    with pytest.raises(NotACommand):
        command_in(text, "!")


def test_a_prefix_of_letters_is_a_word_in_any_case():
    assert command_in("st2 deploy", "st2") == command_in("ST2 deploy", "st2") == "deploy"
    with pytest.raises(NotACommand):
        command_in("st2deploy", "st2")


@given(st.text(st.characters(blacklist_characters="{}<>%# \n"), min_size=1, max_size=5).filter(
    lambda text: text.isprintable()), st.text())
def test_the_rules_filter_matches_each_command(prefix, text):
    assert Filter(prefix_filter(prefix)).groups(prefix + " " + text) is not None


@pytest.mark.parametrize("minutes", [0, 4.9, -7])
def test_a_recent_message_is_run(minutes):
    check_age((NOW - timedelta(minutes=minutes)).isoformat(), NOW)


def test_an_old_message_is_too_old():
    with pytest.raises(CommandTooOld) as error:
        check_age((NOW - timedelta(minutes=12.5)).isoformat().replace("+00:00", "Z"), NOW)
    assert error.value.minutes == 12


@pytest.mark.parametrize("date", ["", "yesterday", "2026-05-04T09:30:00"])
def test_a_message_without_a_date_is_not_run(date):
    with pytest.raises(NotACommand, match="no valid date"):
        check_age(date, NOW)


@pytest.mark.parametrize("command, words", [
    ("x" * 1001, "at most 1000 characters; this one has 1001"),
    ("x " + "a=b " * 6, "at most 5 equals signs; this one has 6")])
def test_a_command_that_would_hang_stackstorm_is_refused(command, words):
    with pytest.raises(CommandRejected, match=words):
        check_harmless(command)
    check_harmless("x" * 990 + "=====")
