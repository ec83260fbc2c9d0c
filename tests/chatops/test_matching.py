"""Which format a command fits; where StackStorm is installed, its own parser is asked, too."""
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatops.aliases import check_values, find
from chatops.errors import Ignored, Refused
from chatops.matching import formats_of

try:
    from st2common.exceptions.content import ParseException
    from st2common.models.utils.action_alias_utils import extract_parameters
except ImportError:
    extract_parameters = None


def alias(name, *formats, **more):
    return dict({"pack": "ops", "name": name, "formats": list(formats)}, **more)


DEPLOY = alias("deploy", "deploy {{ app }} to {{ host }}", "restart {{ app }} {{ delay=5 }}")
LIST = alias("list", {"display": "list <what>", "representation": [
    "(list|show) all {{ what }}", "ls( -{{ flags }})? {{ what }} please"]})
SAY = alias("say", "say {{ text }}")
PROBE = alias("Probe", "Probe the {{ thing }} NOW")
FORMATS = [format for each in (DEPLOY, LIST, SAY, PROBE) for format in formats_of(each)]


@pytest.mark.parametrize("command, name, sent, values", [
    ("deploy web to h1", "deploy", "deploy web to h1", {"app": "web", "host": "h1"}),
    ("Deploy Web TO H1", "deploy", "deploy Web to H1", {"app": "Web", "host": "H1"}),
    ("RESTART web", "deploy", "restart web", {"app": "web"}),
    ("restart web delay=3", "deploy", "restart web delay=3", {"app": "web", "delay": "3"}),
    ("SHOW all \"my things\"", "list", "show all \"my things\"", {"what": "my things"}),
    ("LS -L Things Please", "list", "ls -L Things please", {"flags": "L", "what": "Things"}),
    ("probe THE Thing now", "Probe", "Probe the Thing NOW", {"thing": "Thing"}),
    ("Say Hello {\"a\": 1}", "say", "say Hello {\"a\": 1}", {"text": "Hello {\"a\": 1}"}),
    ("SAY a text=b", "say", "say a text=b", {"text": "b"}),
])
def test_case_is_that_of_the_format_and_values_are_as_typed(command, name, sent, values):
    fit = find(command, FORMATS)
    assert (fit.format.alias["name"], fit.command, fit.values) == (name, sent, values)


@pytest.mark.parametrize("command, words", [
    ("depoly web", "There is no such command. Did you mean: deploy"),
    ("say http://h/?q=1", "takes a last word with = in it for a parameter"),
])
def test_what_fits_nothing_is_told_with_what_is_near(command, words):
    with pytest.raises(Refused, match=words):
        find(command, FORMATS)


@pytest.mark.parametrize("command", ["!", "!!", "?", "= 5", "..."])
def test_what_begins_with_no_letter_and_fits_nothing_gets_silence(command):
    with pytest.raises(Ignored):
        find(command, FORMATS)


def test_of_two_that_fit_both_are_named():
    others = [*FORMATS, *formats_of(alias("deploy_all", "deploy {{ everything }}"))]
    with pytest.raises(Refused, match=r"deploy \{\{ app \}\} to .* \(ops.deploy\); .*deploy_all"):
        find("deploy web to h1", others)


def test_the_format_in_the_very_case_goes_first():
    both = [*formats_of(alias("small", "go {{ x }}")), *formats_of(alias("large", "GO {{ x }}"))]
    assert find("GO on", both).format.alias["name"] == "large"


def test_one_that_is_no_regular_expression_fits_nothing():
    assert find("say hi", [*formats_of(alias("bad", "say (", "(?!x)say")), *FORMATS])


def test_match_multiple_is_for_what_nothing_else_fits():
    each = {"display": "each", "representation": ["{{ words }}"], "match_multiple": True}
    others = [*FORMATS, *formats_of(alias("each", each))]
    assert find("say hi", others).format.alias["name"] == "say"
    assert find("anything", others).format.multiple


@pytest.mark.parametrize("command, words", [
    ("say hi env=x", "has no parameter 'env'"),
    (r'say {"a": "\u007b\u007b 1 \u007d\u007d"}', "takes no escapes"),
    (r"say {'a': '\x7b\x7b'}", "takes no escapes"),
    ('say {"a": {"b": 1}\u200b}', "write a blank between them"),
])
def test_values_that_cannot_be_carried_are_refused(command, words):
    with pytest.raises(Refused, match=words):
        check_values(find(command, FORMATS), extra_parameters=False)


def test_values_that_can_be_carried_are_not():
    for command in ("say {\u200b{ x }\u200b}", 'say {"a": {"b": 1} }', "say C:\\users"):
        check_values(find(command, FORMATS), extra_parameters=False)
    check_values(find("say hi env=x", FORMATS), extra_parameters=True)


WORDS = ["deploy", "restart", "web", "to", "h1", "v2", "list", "all", "ls", "-l", "please", "say",
         "a=b",
         "k='v w'", '"q q"', '{"a": 1}', "Probe", "the", "NOW", "http://h/?q=1", "{{", "\u00e9"]


@pytest.mark.skipif(not extract_parameters, reason="needs StackStorm's own parser")
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join))
def test_stackstorm_takes_the_same(command):
    for format in FORMATS:
        try:
            theirs = extract_parameters(format.representation, command)
        except ParseException:
            theirs = None
        fit = format.fit(command)
        assert (theirs is not None) == (fit is not None and fit.exact)
        if fit:
            assert set(extract_parameters(format.representation, fit.command)) == (
                set(format.names) | set(fit.values))


def test_time_is_linear_in_the_command():
    formats = list(formats_of(alias("many", "x {{ a }} {{ b }} {{ c }} {{ d }} {{ e }} end")))
    begin = time.process_time()
    with pytest.raises(Refused):
        find("x " + "a " * 490 + "en", formats)
    assert time.process_time() - begin < 0.2
