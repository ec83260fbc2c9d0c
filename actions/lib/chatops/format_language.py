"""Reads the formats of aliases exactly as StackStorm does.

A format is a Python regular expression with {{ placeholders }} for parameters. StackStorm cuts
key=value pairs off the end of a command, turns each placeholder into a named group, anchors the
expression if it finds no anchor, and searches the rest of the command.
tests/chatops/test_format_language.py compares this module with StackStorm's own parser.
"""
# pylint: disable=no-member  # Python's own parser creates its constants when it is imported
import re
import sys
from functools import lru_cache
from itertools import count
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

_ANYTHING = ".+?"  # the texts that _named() matches


class Command(NamedTuple):
    """A command, split as StackStorm splits it.

    Attributes:
        text: the text that formats match, between two blanks.
        ending: the key=value pairs at the end of the command, as typed.
        pairs: the pairs' values, without quotes.
    """

    text: str
    ending: str
    pairs: Dict[str, str]


class FormatExpression(NamedTuple):
    """The regular expression that StackStorm makes of a format.

    Attributes:
        source: the expression for Python's re.
        superset: an expression for RE2 that matches the same texts, and ignores quotes.
        names: the names of the parameters.
        defaults: the defaults of the optional parameters.
        problem: why StackStorm cannot use the format, else "".
    """

    source: str
    superset: str
    names: List[str]
    defaults: Dict[str, str]
    problem: str

    def values(self, match: "re.Match[str]", command: Command) -> Optional[Dict[str, Any]]:
        """Return the parameters that StackStorm takes from a match; None if it rejects the match.
        """
        values: Dict[str, Any] = match.groupdict()
        for name, default in self.defaults.items():
            values[name] = values.get(name) or default
        values.update(command.pairs)
        return values if command.text.strip() or any(values.values()) else None


@lru_cache(maxsize=16)  # each format is tried on the same command
def read_command(command: str) -> Command:
    """Split a command into its text and the key=value pairs at its end."""
    matched = _PAIRS_AT_END.match(command)
    ending = matched.group(1) if matched else ""
    text = command.replace(ending, "") if ending else command
    pairs = {key: "".join(value) for key, *value in re.findall(_PAIR, ending, re.DOTALL)}
    return Command(f" {text} ", ending, pairs)


@lru_cache(maxsize=1024)
def read_format(representation: str) -> FormatExpression:
    """Turn a format into StackStorm's regular expression.

    Raises:
        re.error: the format is no regular expression, whatever its parameters are called.
    """
    problem = _problem(representation)
    source = _with_placeholders(representation, _unnamed() if problem else _named)
    tree = syntax.parse(source, re.DOTALL)
    before = "" if _has(tree, _BEGINNINGS) else r"^\s*"
    after = "" if _has(tree, _ENDS) else r"\s*$"
    return FormatExpression(
        source=before + source + after,
        superset=before + _with_placeholders(representation, lambda name: _ANYTHING) + after,
        names=list(tree.state.groupdict), defaults={} if problem else _defaults(representation),
        problem=problem)


def _with_placeholders(representation: str, value: Callable[[str], str]) -> str:
    """Replace each {{ name }} by value(name); first the optional ones, which have a default."""
    optional = _OPTIONAL.sub(
        lambda match: f"(?:{match.group(1)}{value(match.group(2))})?", representation)
    return _REQUIRED.sub(lambda match: match.group(1) + value(match.group(2)), optional)


def _named(name: str) -> str:
    """Return a group for a value in quotes, in braces, or bare, without the quotes around it."""
    return rf"""["']?(?P<{name}>(?<=').+?(?=')|(?<=").+?(?=")|\{{.+?\}}|.+?)["']?"""


def _unnamed() -> Callable[[str], str]:
    """Return a _named() that ignores names, for a format whose names are no valid group names."""
    numbers = count()
    return lambda name: _named(f"_{next(numbers)}")


def _defaults(representation: str) -> Dict[str, str]:
    return {name: "".join(value)
            for name, *value in re.findall(_DEFAULT, representation, re.DOTALL)}


def _problem(representation: str) -> str:
    """Return why StackStorm answers 500 to a command in this format; "" if it does not.

    Raises:
        re.error: the format is no regular expression, whatever its parameters are called.
    """
    names = _names(representation)
    invalid = [name for name in names if not name.isidentifier()]
    if invalid:
        problem = (f"it has a parameter {invalid[0]}, and StackStorm takes only letters, digits "
                   "and _ in the names of parameters")
    elif not set(_defaults(representation)).issubset(names):
        problem = "it has a default of several lines"
    elif not _is_valid(_with_placeholders(representation, _named)):
        problem = "it has two parameters of one name"
    else:
        return ""
    syntax.parse(_with_placeholders(representation, _unnamed()), re.DOTALL)
    return problem


def _names(representation: str) -> List[str]:
    names: List[str] = []

    def note(name: str) -> str:
        names.append(name)
        return ""

    _with_placeholders(representation, note)
    return names


def _is_valid(source: str) -> bool:
    try:
        syntax.parse(source, re.DOTALL)
    except re.error:
        return False
    return True


def _has(tree: Iterable[Any], anchors: Tuple[Any, ...]) -> bool:
    """Return whether StackStorm finds one of these anchors.

    It searches groups and the second branch of an alternative, but no repeated or optional parts.
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
