"""Which format a command matches; where StackStorm is installed, its own parser is asked, too."""
import re
import signal
import time
from fnmatch import fnmatchcase
from types import SimpleNamespace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chatops.aliases import check_choice, find, problems_of
from chatops.catalog import Listing
from chatops.errors import CommandForbidden, CommandRejected, NotACommand
from chatops.matching import formats_of, name_of
from chatops.values import check_values

from hipchat.text.template_guard import neutralize_templates

try:
    from st2common.models.utils.action_alias_utils import extract_parameters
    from st2common.util.casts import get_cast
except ImportError:
    extract_parameters = None


def alias(name, *formats, **more):
    return dict({"pack": "ops", "name": name, "ref": "ops." + name, "formats": list(formats)},
                **more)


def found(command, *aliases, allowed="*"):
    """The match of a command with these aliases, for a person with permission for some."""
    return find(command, Listing(aliases),
                lambda format: fnmatchcase(name_of(format.alias), allowed))


DEPLOY = alias("deploy", "deploy {{ app }} to {{ host }}", "restart {{ app }} {{ delay=5 }}")
LIST = alias("list", {"display": "list <what>", "representation": [
    "(list|show) all {{ what }}", "ls( -{{ flags }})? {{ what }} please"]})
SAY = alias("say", "say {{ text }}")
PROBE = alias("Probe", "Probe the {{ thing }} NOW")
ALIASES = [DEPLOY, LIST, SAY, PROBE]


@pytest.mark.parametrize("command, name, sent, values", [
    ("deploy web to h1", "deploy", "deploy web to h1", {"app": "web", "host": "h1"}),
    ("Deploy Web TO H1", "deploy", "deploy Web to H1", {"app": "Web", "host": "H1"}),
    ("RESTART web", "deploy", "restart web", {"app": "web", "delay": "5"}),
    ("restart web delay=3", "deploy", "restart web delay=3", {"app": "web", "delay": "3"}),
    ("SHOW all \"my things\"", "list", "show all \"my things\"", {"what": "my things"}),
    ("LS -L Things Please", "list", "ls -L Things please", {"flags": "L", "what": "Things"}),
    ("probe THE Thing now", "Probe", "Probe the Thing NOW", {"thing": "Thing"}),
    ("Say Hello {\"a\": 1}", "say", "say Hello {\"a\": 1}", {"text": "Hello {\"a\": 1}"}),
    ("SAY a text=b", "say", "say a text=b", {"text": "b"}),
])
def test_case_is_that_of_the_format_and_values_are_as_typed(command, name, sent, values):
    match = found(command, *ALIASES)
    assert (match.format.alias["name"], match.command) == (name, sent)
    assert list(match.executions) == [values]


BRANCH = alias("branch", r"Build (?P<branch>\S+)( on (?P<host>h\d))? (NOW|later)")
ISSUE = alias("issue", r"jira (?P<key>[A-Z]+-\d+)")
NESTED = alias("nested", r"\(tell (?P<all>{{ who }} of) the (?P<what>[)(]) {{ end }}")
POWER = alias("power", "(Start|Stop) {{ host }}")
MOVE = alias("move", "Move {{ Host }} HOST {{ b=host }}")
NAMED = [BRANCH, ISSUE, NESTED, POWER, MOVE]


@pytest.mark.parametrize("command, sent, values", [
    ("Build Feature-X NOW", "Build Feature-X NOW", {"branch": "Feature-X", "host": None}),
    ("build Feature-X Later", "Build Feature-X later", {"branch": "Feature-X", "host": None}),
    ("BUILD Feature-X ON h1 LATER", "Build Feature-X on h1 later",
     {"branch": "Feature-X", "host": "h1"}),
    ("Jira ABC-12", "jira ABC-12", {"key": "ABC-12"}),
    ("Jira ABC-12 a=B", "jira ABC-12 a=B", {"key": "ABC-12", "a": "B"}),
    ("(TELL Ann of THE ( End", "(tell Ann of the ( End",
     {"all": "Ann of", "who": "Ann", "what": "(", "end": "End"}),
    ("Stop H1", "Stop H1", {"host": "H1"}), ("START H1", "Start H1", {"host": "H1"}),
    ("move Web host A", "Move Web HOST A", {"Host": "Web", "b": "A"}),
])
def test_groups_with_names_are_values_too(command, sent, values):
    match = found(command, *NAMED)
    assert (match.command, list(match.executions)) == (sent, [values])
    assert set(values) - {"a"} <= set(match.format.names)


@pytest.mark.parametrize("command, display", [
    ("jira abc-12", r"jira (?P<key>[A-Z]+-\d+)"), ("build x on H1 now", BRANCH["formats"][0])])
def test_a_command_whose_case_matters_is_refused_with_its_format(command, display):
    with pytest.raises(CommandRejected, match=re.escape("Write it as: " + display)):
        found(command, *NAMED)


def test_a_format_whose_case_is_known_goes_before_one_whose_is_not():
    assert found("jira abc-1", *NAMED, alias("ticket", "JIRA {{ what }}")).command == "JIRA abc-1"


@pytest.mark.parametrize("command, words", [
    ("deploy x TO y to z", 'as app="x TO y" host="z" or as app="x" host="y to z". Put quotes'),
    ("lookup h1", "StackStorm cannot run ops.lookup: it has a parameter inventory-file"),
])
def test_an_ambiguous_command_is_refused(command, words):
    others = [*ALIASES, alias("lookup", "lookup {{ inventory-file }}")]
    with pytest.raises(CommandRejected, match=re.escape(words)):
        found(command, *others)
    assert found('deploy "x TO y" to z', *others).executions[0] == {"app": "x TO y", "host": "z"}


@pytest.mark.parametrize("command, number", [
    ("go web to h1", 0), ("GO web now", 1), ("ticket ABC-1", 2), ("ticket abc", 3),
    ("take x", 5)])
def test_of_one_aliass_formats_the_first_that_fits_is_taken(command, number):
    own = alias("own", "go {{ app }} to {{ host }}", "go {{ anything }}",
                r"ticket (?P<key>[A-Z]+-\d+)", "ticket {{ text }}", "take {{ a-b }}",
                "take {{ a }}")
    assert found(command, own).format.representation == own["formats"][number]


def test_one_with_a_safeguard_that_is_not_here_is_not_run():
    guarded = alias("wipe", "wipe {{ host }}", extra={"security": {"twofactor": {"factor": "x"}}})
    with pytest.raises(CommandRejected, match="asks for a safeguard .*extra.security: twofactor"):
        found("wipe h1", guarded)
    open_ = alias("wipe", "wipe {{ host }}", extra={"slack": {"color": "red"}, "security": {}})
    assert found("wipe h1", open_)


def test_problems_of_aliases_are_listed():
    problems = problems_of([
        DEPLOY, alias("deploy", "x", pack="web", enabled=False), alias("bad", "say ("),
        alias("lookup", "lookup {{ a-b }}"), alias("off", "off {{ a-b }}", enabled=False),
        alias("safe", "safe", extra={"security": {"twofactor": True}}),
        alias("desk", "Help desk {{ who }}", "(answer|reply) {{ x }}", "helpless", "help-me")])
    assert [re.sub(r"[:,(].*", "", problem) for problem in problems] == [
        "StackStorm cannot run ops.bad", "StackStorm cannot run ops.lookup",
        "StackStorm finds an alias by its name alone", "ops.desk begins with answer",
        "ops.desk begins with help", "ops.safe asks for a safeguard that this pack does not have "]


@pytest.mark.parametrize("command, words", [
    ("depoly web", "There is no such command. Did you mean: deploy"),
    ("say http://h/?q=1", "reads a last word with = in it as a parameter"),
])
def test_an_unknown_command_is_refused_with_the_nearest(command, words):
    with pytest.raises(CommandRejected, match=words):
        found(command, *ALIASES)


@pytest.mark.parametrize("command", ["!", "!!", "?", "= 5", "..."])
def test_a_text_without_letters_that_fits_nothing_gets_no_reply(command):
    with pytest.raises(NotACommand):
        found(command, *ALIASES)


def test_of_two_that_fit_both_are_named():
    others = [*ALIASES, alias("deploy_all", "deploy {{ everything }}")]
    with pytest.raises(CommandRejected,
                       match=r"deploy \{\{ app \}\} to .* \(ops.deploy\); .*deploy_all"):
        found("deploy web to h1", *others)


def test_the_format_in_the_very_case_goes_first():
    both = [alias("small", "go {{ x }}"), alias("large", "GO {{ x }}")]
    assert found("GO on", *both).format.alias["name"] == "large"


def test_of_two_packs_aliases_with_one_name_neither_is_run():
    aliases = [DEPLOY, SAY, alias("deploy", "put {{ x }}", pack="web", enabled=False)]
    assert found("say hi", *aliases, allowed="ops.*").format.alias == SAY
    with pytest.raises(CommandRejected,
                       match="by its name alone, and ops.deploy and web.deploy have"):
        found("deploy web to h1", *aliases, allowed="ops.*")
    with pytest.raises(CommandRejected, match="no such command"):
        found("put x", *aliases, allowed="ops.*")


FIXES = alias("fixes", {"display": "fixes KEY", "match_multiple": True, "representation": [
    r"(?:\b|^)Fixes (?P<key>[A-Z]+-\d+)(?:\b|$)"]})


def stackstorm_that_chooses(alias, representation):
    return SimpleNamespace(match=lambda command: {
        "actionalias": alias, "representation": representation})


@pytest.mark.parametrize("command", ["Fixes ABC-1 and Fixes DEF-2", "it FIXES ABC-1, fixes DEF-2"])
def test_with_match_multiple_all_that_fits_is_checked_and_run(command):
    match = found(command, FIXES)
    check_choice(match, stackstorm_that_chooses(FIXES, FIXES["formats"][0]["representation"][0]))
    assert list(match.executions) == [{"key": "ABC-1"}, {"key": "DEF-2"}]
    assert match.command.count("Fixes") == 2


def test_a_command_that_stackstorm_would_match_differently_is_not_run():
    """With match_multiple StackStorm chooses the alias."""
    each = alias("each", {"display": "each", "representation": ["{{ words }}"],
                          "match_multiple": True})
    wipe = alias("wipe", "wipe (?!prod){{ host }}")
    match = found("say hi", each, wipe, allowed="ops.each")
    check_choice(match, stackstorm_that_chooses(each, "{{ words }}"))
    with pytest.raises(CommandForbidden, match="may not run ops.wipe"):
        found("wipe web1", each, wipe, allowed="ops.each")
    with pytest.raises(CommandRejected, match="reads that as another command than ops.each"):
        check_choice(match, stackstorm_that_chooses(wipe, wipe["formats"][0]))


@pytest.mark.parametrize("format, command", [
    (r"deploy (?P<branch>\w+)", "Deploy M\u00fcnchen"), ("{{ x }} caf\u00e9\\b", "a CAF\u00c9")])
def test_letters_that_re2_does_not_know_are_letters(format, command):
    match = found(command, alias("deploy", format))
    assert match.command == command[0].lower() + command[1:].replace("CAF\u00c9", "caf\u00e9")


def test_one_that_is_no_regular_expression_fits_nothing():
    assert found("say hi", alias("bad", "say (", "(?!x)say"), *ALIASES)


def test_match_multiple_is_for_what_nothing_else_fits():
    each = {"display": "each", "representation": ["{{ words }}"], "match_multiple": True}
    others = [*ALIASES, alias("each", each)]
    assert found("say hi", *others).format.alias["name"] == "say"
    assert found("anything", *others).format.is_multiple


@pytest.mark.parametrize("command, words", [
    ("say hi env=x", 'has no parameter "env"'),
    (r'say {"a": "\u007b\u007b 1 \u007d\u007d"}', "takes no escapes"),
    (r"say {'a': '\x7b\x7b'}", "takes no escapes"),
    ('say {"a": {"b": 1}\u200b}', "write a blank between them"),
    ("say {'a': '<' '% st2kv(1) %' '>'}", "one pair of quotes"),
    ("say {'a': '<'\n#'\n'% st2kv(1) %>'}", "one pair of quotes"),
    ("say {'a': '<' u'% st2kv(1) %>'}", "one pair of quotes"),
    ("say {'a': \"<\"\\\n\"% st2kv(1) %>\"}", "no escapes|one pair of quotes"),
    ("say {'a': '<\\\n% st2kv(1) %>'}", "takes no escapes"),
    ("say '< text=1% st2kv(1) % text=1>' text=1", 'Write "text=1" once'),
])
def test_values_that_cannot_be_carried_are_refused(command, words):
    with pytest.raises(CommandRejected, match=words):
        check_values(found(command, *ALIASES), extra_parameters=False)


def test_values_that_can_be_carried_are_not():
    for command in ("say {\u200b{ x }\u200b}", 'say {"a": {"b": 1} }', "say C:\\users",
                    'say {"a": "", "b": "100%", "c": "<", "b": "x"}',
                    "say {'u': '{}', 'x': ['<', '%']}", "say '100%' '% of it'",
                    'say {"a": \u200b' + "[" * 5000):
        check_values(found(command, *ALIASES), extra_parameters=False)
    check_values(found("say hi env=x", *ALIASES), extra_parameters=True)


def texts(begin, pieces, end):
    """Texts between a begin and an end."""
    some = st.lists(st.sampled_from(pieces), min_size=1, max_size=5)
    return some.map(lambda parts: begin + "".join(parts) + end)


HOSTILE = st.one_of(
    texts("{'a': ", ["'<'", "'% 1 %'", "u'% 1 %'", '"{"', '"{ 1 }"', "''", "'>'", "'\\x3c% 1 %'",
                     "'<\\\n% 1 %'", " ", "\\\n", "#'\n", ", "], "}"),
    texts('{"a": ', ['"<"', '"\\u007b{ 1 }"', '"b"', ", ", " ", '"%"', ":"], "}"),
    texts("<", [" k=1", "% 1 %", "%", ">", "'"], " x k=1"))


@pytest.mark.skipif(not extract_parameters, reason="needs StackStorm's own parser")
@settings(max_examples=1000)
@given(HOSTILE)
def test_no_text_becomes_a_template_on_its_way_through_stackstorm(text):
    format, = formats_of(SAY)
    match = format.match(neutralize_templates("say " + text))
    assume(match)
    try:
        check_values(match, extra_parameters=True)
    except CommandRejected:
        return
    for value in extract_parameters(format.representation, match.command).values():
        try:
            value = repr(get_cast("object")(value))
        except (SyntaxError, TypeError, ValueError):
            pass
        assert not re.search(r"\{[{%#]|<%", value), (match.command, value)


@pytest.mark.parametrize("format, command, words", [
    ("x {{ a }} {{ b }} {{ c }} {{ d }} {{ e }} end", "x " + "a " * 490 + "en", "no such command"),
    ("x (?!z){{ a }} {{ b }} {{ c }} {{ d }} end", "x " + "a " * 490 + "en", "too long for"),
    (r"(\w+ ?)+ now (?P<n>\d) {{ x }}", "z now 1 " + "a" * 400, "too long for"),
    ("((a+)+b|{{ x }})", "a" * 400, "too long for")], ids=["RE2", "not RE2", "nested", "branch"])
def test_no_command_holds_the_process_up(format, command, words):
    many = alias("many", format)
    begin = time.process_time()
    with pytest.raises(CommandRejected, match=words):
        found(command, many)
    assert time.process_time() - begin < 0.5
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL
