"""Reads the formats of action aliases, and the parameters in a command, exactly as StackStorm does.

A format is a Python regular expression with {{ placeholders }} for parameters. StackStorm cuts the
key=value pairs off the end of a command. It turns each placeholder of the format into a named
group, anchors the expression if it finds no anchor, and searches the rest of the command with it.
tests/chatops/test_format_language.py compares this module with StackStorm's own parser.
"""
# pylint: disable=no-member  # Python's own parser creates its constants when it is imported
import re
import sys
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

if sys.version_info >= (3, 11):
    from re import _parser as syntax  # type: ignore[attr-defined]  # no public way to a syntax tree
else:
    import sre_parse as syntax

__all__ = ["Command", "FormatExpression", "read_command", "read_format"]

_BEGINNINGS = (syntax.AT_BEGINNING, syntax.AT_BEGINNING_STRING)
_ENDS = (syntax.AT_END, syntax.AT_END_STRING)

_IN_QUOTES = r"\"\"|''|\"(.+?)\"|'(.+?)'|(\{.+?\})"
_PAIR = rf"(?:^|\s+)(\S+?)\s*=(?:{_IN_QUOTES}|(\S+))"
_PAIR_WITHOUT_GROUPS = re.sub(r"\((?!\?)", "(?:", _PAIR)
_PAIRS_AT_END = re.compile(rf".*?((?:{_PAIR_WITHOUT_GROUPS}\s*)*)$", re.DOTALL)
_DEFAULT = rf"\{{\{{\s*(\S+?)\s*=\s*(?:{_IN_QUOTES}|(.+?))\s*\}}\}}"
_OPTIONAL = re.compile(r"(\s*)" + _DEFAULT)
_REQUIRED = re.compile(r"(\s*)\{\{\s*(\S+?)\s*\}\}")

_ANYTHING = ".+?"  # matches every string that the group of _named() matches


class Command(NamedTuple):
    """A command, split as StackStorm splits it.

    Attributes:
        text: the command without its ending, with a blank added at each end: formats are searched
            in it.
        ending: the key=value pairs at the end of the command, as typed; "" without any.
        pairs: the values of these pairs by key, without the quotes around them.
    """

    text: str
    ending: str
    pairs: Dict[str, str]


class FormatExpression(NamedTuple):
    """The regular expression that StackStorm makes of a format.

    Attributes:
        source: the expression for Python's `re`.
        superset: a simpler expression for RE2, without the look-around for quotes. It matches every
            command that `source` matches, and maybe more.
        names: the parameters that have placeholders.
        problem: why StackStorm cannot use the format; "" if it can.
    """

    source: str
    superset: str
    names: List[str]
    defaults: Dict[str, str]
    problem: str

    def values(self, match: "re.Match[str]", command: Command) -> Optional[Dict[str, Any]]:
        """Return the parameter values, by name, that StackStorm reads from a match of `source`.

        Key=value pairs of the command replace the values of placeholders. Returns None for a
        command with neither text nor values, which StackStorm rejects.
        """
        values: Dict[str, Any] = match.groupdict()
        for name, default in self.defaults.items():
            values[name] = values.get(name) or default
        values.update(command.pairs)
        return values if command.text.strip() or any(values.values()) else None


@lru_cache(maxsize=16)  # each format is tried on the same command
def read_command(command: str) -> Command:
    """Split a command into the text that formats match and the key=value pairs at its end."""
    matched = _PAIRS_AT_END.match(command)
    ending = matched.group(1) if matched else ""
    text = command.replace(ending, "") if ending else command
    pairs = {key: "".join(value) for key, *value in re.findall(_PAIR, ending, re.DOTALL)}
    return Command(f" {text} ", ending, pairs)


@lru_cache(maxsize=1024)
def read_format(representation: str) -> FormatExpression:
    """Turn a format into the regular expression that StackStorm makes of it.

    Raises:
        re.error: the format is no regular expression. (A wrong name only sets `problem`.)
    """
    problem = _problem(representation)
    source = _with_placeholders(representation, _unnamed if problem else _named)
    tree = syntax.parse(source, re.DOTALL)
    before = "" if _has(tree, _BEGINNINGS) else r"^\s*"
    after = "" if _has(tree, _ENDS) else r"\s*$"
    return FormatExpression(
        source=before + source + after,
        superset=before + _with_placeholders(representation, lambda name: _ANYTHING) + after,
        names=list(tree.state.groupdict), defaults={} if problem else _defaults(representation),
        problem=problem)


def _with_placeholders(representation: str, value: Callable[[str], str]) -> str:
    """Replace each placeholder by value(name): first those with a default, which are optional."""
    optional = _OPTIONAL.sub(
        lambda match: f"(?:{match.group(1)}{value(match.group(2))})?", representation)
    return _REQUIRED.sub(lambda match: match.group(1) + value(match.group(2)), optional)


def _named(name: str) -> str:
    """Return the expression for a parameter: a named group, without the quotes around the value."""
    return rf"""["']?(?P<{name}>(?<=').+?(?=')|(?<=").+?(?=")|\{{.+?\}}|.+?)["']?"""


def _unnamed(name: str) -> str:
    """Return the expression of _named() without the name, which is invalid."""
    return _named(name).replace(f"?P<{name}>", "")


def _defaults(representation: str) -> Dict[str, str]:
    return {name: "".join(value)
            for name, *value in re.findall(_DEFAULT, representation, re.DOTALL)}


def _problem(representation: str) -> str:
    """Return why StackStorm would answer 500 to a command in a format; "" if it would not.

    Raises re.error if the format has a problem, and besides is no regular expression.
    """
    names: List[str] = []

    def note(name: str) -> str:
        names.append(name)
        return ""

    _with_placeholders(representation, note)
    invalid = [name for name in names if not name.isidentifier()]
    if invalid:
        problem = (f"it has a parameter {invalid[0]}, and StackStorm takes only letters, digits "
                   "and _ in the names of parameters")
    elif not set(_defaults(representation)).issubset(names):
        problem = "it has a default of several lines"
    else:
        try:
            syntax.parse(_with_placeholders(representation, _named), re.DOTALL)
            return ""
        except re.error:
            problem = "it has two parameters of one name"
    syntax.parse(_with_placeholders(representation, _unnamed), re.DOTALL)
    return problem


def _has(tree: Iterable[Any], anchors: Tuple[Any, ...]) -> bool:
    """Return whether StackStorm finds one of these anchors in a format, and therefore adds none.

    StackStorm's search enters groups and the second branch of an alternative, but no repeated or
    optional parts.
    """
    for operation, argument in tree:
        inner: Iterable[Any] = ()
        if operation is syntax.SUBPATTERN:
            inner = argument[-1]
        elif operation is syntax.BRANCH:
            inner = argument[1][1]
        if operation is syntax.AT and argument in anchors or _has(inner, anchors):
            return True
    return False
