"""Text from chat that no template of StackStorm's evaluates, whatever a rule puts it together with.

What the guard is tested against is Jinja2 itself, and the delimiters that StackStorm looks for.
"""
import re

import jinja2
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hipchat.events import EVENTS, payload
from hipchat.text.template_guard import BREAK, neutralize_templates

OPENING = re.compile(r"\{\{|\{%|\{#|<%")
CLOSING = re.compile(r"\}\}|%\}|#\}|%>")
JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
                           newline_sequence="\n")

HOSTILE = [
    "{{ config_context.api_key }}", "<% 7*7 %>",
    "{% raw %}{{ config_context.api_key }}{% endraw %}", "{{ '{{ config_context.api_key }}' }}",
    "<% '{{ st2kv.system.secret }}' %>", "{{{{{{ 7*7 }}}}}}", "{# a comment #}",
    "{%- if 7*7 -%}x{%- endif -%}", "{\u200b{ 7*7 }\u200b}", "<\u200b% 7*7 %>", "{\ufeff{ 7*7 }}",
    "\uff5b\uff5b 7*7 \uff5d\uff5d", "<%%>", "{{}}", "{%%}", "{##}", "{\n{", "}}{{"]
PARTS = ["{", "%", "<", ">", "}", "#", "{{", "}}", "<%", "%>", "{%", "%}", "{#", "#}", BREAK, "\n",
         " 7*7 ", "raw", "endraw", "config_context.api_key", "'", "\"", "\\", "\uff5b", "x"]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=12).map("".join) | st.text()
# Words of a rule's author: any that are no template by themselves.
WORDS = TEXTS.filter(lambda text: not OPENING.search(text))


def reads_the_same(one, other):
    """Whether two texts differ in zero-width spaces only."""
    return one.replace(BREAK, "") == other.replace(BREAK, "")


def strings_in(value):
    """Every string in a value, keys too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return strings_in(list(value)) + strings_in(list(value.values()))
    return [text for item in value for text in strings_in(item)] if isinstance(value, list) else []


class TestText:
    """A single text."""

    @pytest.mark.parametrize("text", HOSTILE)
    def test_that_is_hostile_is_text_to_jinja(self, text):
        assert JINJA.from_string(neutralize_templates(text)).render() == neutralize_templates(text)

    @given(TEXTS)
    def test_that_is_neutralized_already_stays_as_it_is(self, text):
        assert neutralize_templates(neutralize_templates(text)) == neutralize_templates(text)

    @pytest.mark.parametrize("text", [
        "", "hello", "#42 is done", "100 %", "a > b < c", "if x { y }", "<b>hi</b>", "50%, 60%",
        "c# and f#", "<3", "\u2603 \U0001f389", "line\nbreak"])
    def test_without_a_delimiter_is_not_touched(self, text):
        assert neutralize_templates(text) == text


class TestTextsTogether:
    """What a rule or a workflow makes of texts and of words of its own."""

    @given(st.lists(TEXTS, max_size=6))
    def test_hold_no_expression(self, texts):
        joined = "".join(map(neutralize_templates, texts))
        assert not OPENING.search(joined)
        assert JINJA.from_string(joined).render() == re.sub("\r\n?", "\n", joined)

    @given(WORDS, TEXTS, TEXTS, WORDS)
    def test_hold_no_expression_between_words_of_a_rules_author(self, before, one, other, after):
        assume(one and other and not (before.endswith("{") and one.startswith("#")))
        assert not OPENING.search(before + neutralize_templates(one) +
                                  neutralize_templates(other) + after)

    def test_begin_at_most_a_comment_which_evaluates_nothing(self):
        # "#" may stay in front, as many messages begin with it.
        with pytest.raises(jinja2.TemplateSyntaxError, match="comment"):
            JINJA.from_string("{" + neutralize_templates("# {{ 7*7 }} #}"))

    @given(TEXTS, st.data())
    def test_hold_none_where_a_text_is_split_into_matches_and_put_together_again(self, text, data):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
        groups = [text[start:end] for start, end in zip([0] + cuts, cuts + [len(text)])]
        joined = "".join(neutralize_templates(groups))
        assert not OPENING.search(joined) and reads_the_same(joined, text)


JSON = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXTS, each, max_size=3),
    max_leaves=8)


class TestPayload:
    """All that a rule gets."""

    def of(self, item, guard=True, matches=()):
        body = {"item": item, "oauth_client_id": "{{ id }}", "webhook_id": 7}
        return payload(EVENTS["message"], body, "trigger", list(matches), guard)

    @given(st.dictionaries(TEXTS, JSON, max_size=4), st.lists(TEXTS, max_size=3))
    def test_is_neutralized_in_every_string_and_every_key(self, item, matches):
        for text in strings_in(self.of(item, matches=matches)):
            assert not OPENING.search(text) and not CLOSING.search(text)

    @given(st.dictionaries(TEXTS, JSON, max_size=4), st.lists(TEXTS, max_size=3))
    def test_reads_the_same_as_without_the_guard(self, item, matches):
        guarded, bare = (self.of(item, guard, matches) for guard in (True, False))
        assert {text.replace(BREAK, "") for text in strings_in(guarded)} == {
            text.replace(BREAK, "") for text in strings_in(bare)}


class TestSensor:
    """The sensor over a real socket."""

    def test_filters_the_text_as_written_and_passes_on_neutralized_text(self, hipchat, stackstorm):
        room = hipchat.make_room()
        trigger = stackstorm.listen("message", room, filter=r"^\{\{ (.*?) \}\}(\{)(\{.*)$")
        hipchat.people.say(room, "Ann", "{{ config_context.api_key }}{{ 7*7 }}")
        received, = stackstorm.received(trigger)
        assert [match.replace(BREAK, "") for match in received["matches"]] == [
            "config_context.api_key", "{", "{ 7*7 }}"]
        for text in strings_in(received) + ["".join(received["matches"])]:
            assert not OPENING.search(text)
        assert received["message"].replace(BREAK, "") == "{{ config_context.api_key }}{{ 7*7 }}"

    def test_passes_text_on_as_written_with_template_guard_false(self, hipchat, start_stackstorm):
        room = hipchat.make_room()
        stackstorm = start_stackstorm(hipchat, template_guard=False)
        trigger = stackstorm.listen("message", room)
        hipchat.people.say(room, "Ann", "{{ 7*7 }}")
        assert stackstorm.received(trigger)[0]["message"] == "{{ 7*7 }}"
