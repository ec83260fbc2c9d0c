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
BRANCH = alias("branch", r"Build (?P<branch>\S+)( on (?P<host>h\d))? (NOW|later)")
ISSUE = alias("issue", r"jira (?P<key>[A-Z]+-\d+)")
NESTED = alias("nested", r"\(tell (?P<all>{{ who }} of) the (?P<what>[)(]) {{ end }}")
POWER = alias("power", "(Start|Stop) {{ host }}")
MOVE = alias("move", "Move {{ Host }} HOST {{ b=host }}")
NAMED = [BRANCH, ISSUE, NESTED, POWER, MOVE]


@pytest.mark.parametrize("command, name, sent, values", [
    ("deploy web to h1", "deploy", "deploy web to h1", {"app": "web", "host": "h1"}),
    ("Deploy Web TO H1", "deploy", "deploy Web to H1", {"app": "Web", "host": "H1"}),
    ('deploy "x TO y" to z', "deploy", 'deploy "x TO y" to z', {"app": "x TO y", "host": "z"}),
    ("RESTART web", "deploy", "restart web", {"app": "web", "delay": "5"}),
    ("restart web delay=3", "deploy", "restart web delay=3", {"app": "web", "delay": "3"}),
    ("SHOW all \"my things\"", "list", "show all \"my things\"", {"what": "my things"}),
    ("LS -L Things Please", "list", "ls -L Things please", {"flags": "L", "what": "Things"}),
    ("probe THE Thing now", "Probe", "Probe the Thing NOW", {"thing": "Thing"}),
    ("Say Hello {\"a\": 1}", "say", "say Hello {\"a\": 1}", {"text": "Hello {\"a\": 1}"}),
    ("SAY a text=b", "say", "say a text=b", {"text": "b"}),
    ("Build Feature-X NOW", "branch", "Build Feature-X NOW",
     {"branch": "Feature-X", "host": None}),
    ("build Feature-X Later", "branch", "Build Feature-X later",
     {"branch": "Feature-X", "host": None}),
    ("BUILD Feature-X ON h1 LATER", "branch", "Build Feature-X on h1 later",
     {"branch": "Feature-X", "host": "h1"}),
    ("Jira ABC-12", "issue", "jira ABC-12", {"key": "ABC-12"}),
    ("Jira ABC-12 a=B", "issue", "jira ABC-12 a=B", {"key": "ABC-12", "a": "B"}),
    ("(TELL Ann of THE ( End", "nested", "(tell Ann of the ( End",
     {"all": "Ann of", "who": "Ann", "what": "(", "end": "End"}),
    ("Stop H1", "power", "Stop H1", {"host": "H1"}),
    ("START H1", "power", "Start H1", {"host": "H1"}),
    ("move Web host A", "move", "Move Web HOST A", {"Host": "Web", "b": "A"}),
])
def test_case_is_that_of_the_format_and_values_are_as_typed(command, name, sent, values):
    match = found(command, *ALIASES, *NAMED)
    assert (match.format.alias["name"], match.command) == (name, sent)
    assert list(match.executions) == [values]
    assert set(values) - {"a"} <= set(match.format.names)


EACH = alias("each", {"display": "each", "representation": ["{{ words }}"],
                      "match_multiple": True})
TWO_PACKS = [DEPLOY, SAY, alias("deploy", "put {{ x }}", pack="web", enabled=False)]


@pytest.mark.parametrize("command, aliases, name, sent", [
    pytest.param("jira abc-1", [*NAMED, alias("ticket", "JIRA {{ what }}")], "ticket",
                 "JIRA abc-1", id="one-whose-case-is-known-before-one-whose-is-not"),
    pytest.param("GO on", [alias("small", "go {{ x }}"), alias("large", "GO {{ x }}")], "large",
                 "GO on", id="one-in-the-very-case"),
    pytest.param("say hi", [*ALIASES, EACH], "say", "say hi", id="match_multiple-last"),
    pytest.param("anything", [*ALIASES, EACH], "each", "anything", id="match_multiple"),
    pytest.param("say hi", [alias("bad", "say (", "(?!x)say"), *ALIASES], "say", "say hi",
                 id="one-that-is-a-regular-expression"),
    pytest.param("wipe h1", [alias("wipe", "wipe {{ host }}", extra={"security": {}, "a": 1})],
                 "wipe", "wipe h1", id="one-with-no-safeguard"),
    pytest.param("say hi", TWO_PACKS, "say", "say hi", id="one-beside-two-of-one-name"),
])
def test_of_several_aliases_this_is_chosen(command, aliases, name, sent):
    match = found(command, *aliases, allowed="ops.*")
    assert (match.format.alias["name"], match.command) == (name, sent)


LOOKUP = alias("lookup", "lookup {{ inventory-file }}")
GUARDED = alias("wipe", "wipe {{ host }}", extra={"security": {"twofactor": {"factor": "x"}}})


@pytest.mark.parametrize("command, aliases, words", [
    ("jira abc-12", NAMED, r"Write it as: jira (?P<key>[A-Z]+-\d+)"),
    ("build x on H1 now", NAMED, "Write it as: " + BRANCH["formats"][0]),
    ("deploy x TO y to z", ALIASES,
     'as app="x TO y" host="z" or as app="x" host="y to z". Put quotes'),
    ("lookup h1", [LOOKUP], "StackStorm cannot run ops.lookup: it has a parameter inventory-file"),
    ("wipe h1", [GUARDED],
     "asks for a safeguard that this pack does not have (extra.security: twofactor"),
    ("depoly web", ALIASES, "There is no such command. Did you mean: deploy"),
    ("say http://h/?q=1", ALIASES, "reads a last word with = in it as a parameter"),
    ("deploy web to h1", [*ALIASES, alias("deploy_all", "deploy {{ everything }}")],
     "deploy {{ app }} to {{ host }} (ops.deploy); deploy {{ everything }} (ops.deploy_all)"),
    ("deploy web to h1", TWO_PACKS, "by its name alone, and ops.deploy and web.deploy have"),
    ("put x", TWO_PACKS, "no such command"),
], ids=["case-of-a-value", "case-of-a-group", "two-readings", "wrong-name", "safeguard", "nearest",
        "last-word", "two-aliases", "two-packs", "disabled"])
def test_a_refused_command_is_explained(command, aliases, words):
    with pytest.raises(CommandRejected, match=re.escape(words)):
        found(command, *aliases, allowed="ops.*")


@pytest.mark.parametrize("command, number", [
    ("go web to h1", 0), ("GO web now", 1), ("ticket ABC-1", 2), ("ticket abc", 3),
    ("take x", 5)])
def test_of_one_aliass_formats_the_first_that_fits_is_taken(command, number):
    own = alias("own", "go {{ app }} to {{ host }}", "go {{ anything }}",
                r"ticket (?P<key>[A-Z]+-\d+)", "ticket {{ text }}", "take {{ a-b }}",
                "take {{ a }}")
    assert found(command, own).format.representation == own["formats"][number]


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


@pytest.mark.parametrize("command", ["!", "!!", "?", "= 5", "..."])
def test_a_text_without_letters_that_fits_nothing_gets_no_reply(command):
    with pytest.raises(NotACommand):
        found(command, *ALIASES)


def stackstorm_that_chooses(alias, representation):
    return SimpleNamespace(match=lambda command: {
        "actionalias": alias, "representation": representation})


FIXES = alias("fixes", {"display": "fixes KEY", "match_multiple": True, "representation": [
    r"(?:\b|^)Fixes (?P<key>[A-Z]+-\d+)(?:\b|$)"]})


@pytest.mark.parametrize("command", ["Fixes ABC-1 and Fixes DEF-2", "it FIXES ABC-1, fixes DEF-2"])
def test_with_match_multiple_all_that_fits_is_checked_and_run(command):
    match = found(command, FIXES)
    check_choice(match, stackstorm_that_chooses(FIXES, FIXES["formats"][0]["representation"][0]))
    assert list(match.executions) == [{"key": "ABC-1"}, {"key": "DEF-2"}]
    assert match.command.count("Fixes") == 2


def test_a_command_that_stackstorm_would_match_differently_is_not_run():
    """With match_multiple StackStorm chooses the alias."""
    wipe = alias("wipe", "wipe (?!prod){{ host }}")
    match = found("say hi", EACH, wipe, allowed="ops.each")
    check_choice(match, stackstorm_that_chooses(EACH, "{{ words }}"))
    with pytest.raises(CommandForbidden, match="may not run ops.wipe"):
        found("wipe web1", EACH, wipe, allowed="ops.each")
    with pytest.raises(CommandRejected, match="reads that as another command than ops.each"):
        check_choice(match, stackstorm_that_chooses(wipe, wipe["formats"][0]))


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
