"""Formats of the kinds that packs have, commands for them, and what StackStorm's parser takes.

Run by hand with StackStorm's own Python to record the table that tests compare with elsewhere:

    PYTHONPATH=tests /opt/stackstorm/st2/bin/python -m support.format_pairs \
        > tests/chatops/recorded_formats.json
"""
import json
import random
import re
from itertools import islice

FORMATS = [
    # words and places
    "deploy {{ app }} to {{ host }}", "restart {{ app }} {{ delay=5 }}", "say {{ text }}",
    "list hosts", "{{ who }} is on call", "skip {{ a }} more skip {{ b }} and stop.",
    "Probe the {{ thing }} NOW", "copy {{source}} {{target}}",
    "route {{ a }} {{ b }} {{ c }} {{ d }}",
    "tell {{ who }}: {{ what }}", "open {{ ticket }}, please", "mail {{to}}@example.com {{ text }}",
    "grüße {{ wen }}", "put {{ k }}={{ v }}", "{{ first }} {{ second }}",
    # defaults
    "scale {{ app }} {{ count = 3 }} {{ zone=eu-west 1 }}", "greet {{ name=World }}",
    "echo {{ message=$USER }} twice", 'log {{ level="all of it" }} {{ lines=\'10\' }}',
    'set {{ doc={"a": 1} }} now', "tag {{ image }} {{ as={{ st2kv.system.tag }} }}",
    "wait {{ seconds=\"\" }} s", "{{ verb=show }} version",
    "mute {{ host }} for {{ minutes=30 }} min",
    # alternatives, optional parts, classes
    "(list|show) all {{ what }}", "ls( -{{ flags }})? {{ what }} please", "(Start|Stop) {{ host }}",
    "SET {{ key }} to {{ value }}( now$)?",
    "build {{ what }}( on {{ where }})?( at {{ when=noon }})?",
    "(on {{ a }}|at {{ b }}) go", "git (?:pull|push) {{ repo }}", "stat[eu]s? of {{ what }}",
    r"close #?{{ id }}", r"cost [\].$] {{ n }}", "(Please )?reboot {{ host }}( (now|later))?",
    r"\(tell (?P<all>{{ who }} of) the (?P<what>[)(]) {{ end }}", "up{{ n }}", "x{,2} {{ a }}",
    "a|b {{ c }}", "[[:word:]] {{ c }}", "(go (to )?)+{{ where }}",
    # named groups
    r"jira (?P<key>[A-Z]+-\d+)", r"Build (?P<branch>\S+)( on (?P<host>h\d))? (NOW|later)",
    r"ping (?P<ip>\d+(\.\d+){3})", r"(?P<verb>lock|unlock) {{ door }}",
    r"find (?P<x>\w+) in {{ y }}",
    r"(?P<a>\w+)-(?P<b>\w+) {{ c=7 }}", r"page (?P<who>@\w+)?(?P<rest>.*)",
    # anchors
    r"^fix {{ what }}", r"halt {{ what }}$", r"^(?P<who>\w+) owes {{ sum }}\s*$",
    r"(?:^|\b)fixes (?P<key>[A-Z]+-\d+)", r"(?:\b|^)closes (?P<key>[A-Z]+-\d+)(?:\b|$)",
    r"(^| )about {{ it }}( |$)", r"\Awho {{ is }}", r"see {{ it }}\Z", "price ^ {{ x }}",
    # more than RE2 has
    "wipe (?!prod){{ host }}", r"{{ x }}(?= please) please", r"(\w+) again \1 {{ z }}",
    r"(?#note)drop {{ it }}", r"(?P<n>\d) by (?P=n) {{ what }}", r"{{ x }} café\b",
    # beside quotes
    'quote "{{ text }}"', "'{{ text }}' said {{ who }}", "{{ a }}{{ b }}", "{{ a }}{{ b=2 }}",
    "key:{{ v }}", "json {{ data }} for {{ user }}", r"[\"']?{{ odd }} end", ".*{{ rest }}",
    # what StackStorm fails on
    "lookup {{ inventory-file }}", "vm {{ vm.name }} off", "pair {{ a }} and {{ a }}",
    "{{a}}{{b=1}} {{ 1st }}", "two {{ a=\"x\ny\" }} lines",
]
MULTIPLE = [r"(?:\b|^)(?:Fixes|closes) (?P<key>[A-Z]+-\d+)(?:\b|$)", r"(?:\s|^)see {{ it }}(?:,|$)",
            "each {{ one }}"]

_WORDS = ["web", "DB", "to", "TO", "on", "at", "now", "NOW", "please", "in", "for", "of", "go",
          "and", "AND", "h1", "x", "3", "ABC-1", "def-2", "fixes", "Closes", "see",
          "10.0.0.1", "@ann", "é",
          '"q r"', "'s t'", '"TO x"', '{"j": 1}', "{'k': [1, 2]}", '"', "'", '""', "k=v", 'K="v w"',
          "k='v'", 'k={"a": 1}', "k=", "=", "http://h/?q=1", ".", "a,b", "\n", "$USER", "--x", "is"]


def pairs(count, seed):
    """Yield (format, command, whether it has match_multiple): commands as the pack gives them."""
    chance = random.Random(seed)
    for _ in range(count):
        multiple = chance.random() < 0.05
        format = chance.choice(MULTIPLE if multiple else FORMATS)
        parts = [_command(format, chance)
                 for _ in range(chance.choice([1, 2, 3]) if multiple else 1)]
        command = re.sub(r" *(\s) *", r"\1", chance.choice([" and ", " "]).join(parts)).strip()
        if command and command.count("=") <= 5:
            yield format, command, multiple


def _command(format, chance):
    """A text that is likely to fit: the format's words, in some case, and values for its places."""
    if chance.random() < 0.1:
        return _some(chance, 0, 5)
    text = re.sub(r"\{\{.*?\}\}", lambda place: _some(chance, 1, 2), format, flags=re.DOTALL)
    text = re.sub(r"\(\?P<\w+>[^()]*\)", lambda group: _some(chance, 1, 1), text)
    text = re.sub(r"\(([^()|]*)\|([^()]*)\)", lambda each: each.group(chance.choice([1, 2])), text)
    text = re.sub(r"\\[sbAZ]|\(\?[:!=#]?|[()?^$*+]", "", text).replace("\\", "")
    text = chance.choice([str, str, str.lower, str.upper, str.title, str.swapcase])(text)
    return text + (" " + _some(chance, 1, 2) if chance.random() < 0.25 else "")


def _some(chance, least, most):
    return " ".join(chance.choice(_WORDS) for _ in range(chance.randint(least, most)))


def stackstorm_takes(format, command, multiple=False, ignoring_case=False):
    """Return the values of each execution by StackStorm's own parser; "error" where it fails."""
    from st2common.exceptions.content import ParseException
    from st2common.models.utils.action_alias_utils import ActionAliasFormatParser
    try:
        parser = ActionAliasFormatParser(format, command)
        if ignoring_case:
            parser._regex = re.compile(parser._regex.pattern, re.DOTALL | re.IGNORECASE)
        return parser.get_multiple_extracted_param_value() if multiple else [
            parser.get_extracted_param_value()]
    except ParseException:
        return []
    except (re.error, KeyError, IndexError):
        return "error"


def rows_of(pairs):
    """Yield each pair with what StackStorm takes as typed, and ignoring case."""
    for pair in pairs:
        yield [*pair, stackstorm_takes(*pair), stackstorm_takes(*pair, ignoring_case=True)]


def main(count=500, seed=34):
    """Print the table."""
    rows = [json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            for row in rows_of(islice(pairs(2 * count, seed), count))]
    lines = (",".join(rows[start:start + 25]) for start in range(0, count, 25))
    print("[" + ",\n".join(lines) + "]")


if __name__ == "__main__":
    main()
