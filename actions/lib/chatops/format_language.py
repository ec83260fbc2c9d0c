"""Reads the formats of aliases as StackStorm reads them.

A format is a Python regular expression with {{ places }} for parameters. StackStorm cuts key=value
pairs off the end of a command, turns each place into a named group, anchors the expression where it
finds no anchor, and searches the rest of the command. What is read here has to be equal to that to
the letter: tests/chatops/test_format_language.py compares it with StackStorm's own parser.
"""
# pylint: disable=no-member  # the constants of Python's own parser are made when it is imported
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
_PAIRS_AT_END = re.compile(
    ".*?((?:{}\\s*)*)$".format(re.sub(r"\((?!\?)", "(?:", _PAIR)), re.DOTALL)
_DEFAULT = rf"\{{\{{\s*(\S+?)\s*=\s*(?:{_IN_QUOTES}|(.+?))\s*\}}\}}"
_OPTIONAL = re.compile(r"(\s*)" + _DEFAULT)
_REQUIRED = re.compile(r"(\s*)\{\{\s*(\S+?)\s*\}\}")

# In quotes, in braces, or bare; a quote belongs to no value that stands alone between two of them.
_VALUE = r"""["']?(?P<{name}>(?<=').+?(?=')|(?<=").+?(?=")|\{{.+?\}}|.+?)["']?"""
_ANYTHING = ".+?"  # the texts that _VALUE matches


class Command(NamedTuple):
    """A command, parted as StackStorm parts it.

    text: what formats are searched in, between two blanks; ending: the key=value pairs that end the
    command, as typed; pairs: their values, without quotes.
    """

    text: str
    ending: str
    pairs: Dict[str, str]


class FormatExpression(NamedTuple):
    """The regular expression that StackStorm makes of a format.

    source: for Python's re; superset: the same for RE2, with places that match the same texts but
    know no quotes; names: its parameters; defaults: those of the optional ones; problem: why
    StackStorm cannot take the format, else "".
    """

    source: str
    superset: str
    names: List[str]
    defaults: Dict[str, str]
    problem: str

    def values(self, match: "re.Match[str]", command: Command) -> Optional[Dict[str, Any]]:
        """Return what StackStorm gives the action for one match; None where it takes none."""
        values: Dict[str, Any] = match.groupdict()
        for name, default in self.defaults.items():
            values[name] = values.get(name) or default
        values.update(command.pairs)
        return values if command.text.strip() or any(values.values()) else None


@lru_cache(maxsize=16)  # each format is tried on the same command
def read_command(command: str) -> Command:
    """Part a command into what formats are searched in and the key=value pairs that end it."""
    matched = _PAIRS_AT_END.match(command)
    ending = matched.group(1) if matched else ""
    text = command.replace(ending, "") if ending else command
    pairs = {key: "".join(value) for key, *value in re.findall(_PAIR, ending, re.DOTALL)}
    return Command(f" {text} ", ending, pairs)


@lru_cache(maxsize=1024)
def read_format(representation: str) -> FormatExpression:
    """Turn a format into StackStorm's regular expression.

    Raises:
        re.error: it is no regular expression, whatever its parameters are called.
    """
    problem = _problem(representation)
    source = _with_places(representation, _unnamed() if problem else _named)
    tree = syntax.parse(source, re.DOTALL)
    before = "" if _has(tree, _BEGINNINGS) else r"^\s*"
    after = "" if _has(tree, _ENDS) else r"\s*$"
    return FormatExpression(
        source=before + source + after,
        superset=before + _with_places(representation, lambda name: _ANYTHING) + after,
        names=list(tree.state.groupdict), defaults={} if problem else _defaults(representation),
        problem=problem)


def _with_places(representation: str, value: Callable[[str], str]) -> str:
    """Put value(name) in the place of each {{ name }}; optional ones, with a default, first."""
    optional = _OPTIONAL.sub(
        lambda place: f"(?:{place.group(1)}{value(place.group(2))})?", representation)
    return _REQUIRED.sub(lambda place: place.group(1) + value(place.group(2)), optional)


def _named(name: str) -> str:
    return _VALUE.format(name=name)


def _unnamed() -> Callable[[str], str]:
    """Give each place a name of its own: of use where a format's own names are impossible."""
    numbers = count()
    return lambda name: _named(f"_{next(numbers)}")


def _defaults(representation: str) -> Dict[str, str]:
    return {name: "".join(value)
            for name, *value in re.findall(_DEFAULT, representation, re.DOTALL)}


def _problem(representation: str) -> str:
    """Say why StackStorm answers 500 to a command in this format; "" if it does not.

    Raises:
        re.error: it is no regular expression, whatever its parameters are called.
    """
    names = _names(representation)
    impossible = [name for name in names if not name.isidentifier()]
    if impossible:
        problem = "it has a parameter {}, and StackStorm takes only letters, digits and _ in " \
            "the names of parameters".format(impossible[0])
    elif not set(_defaults(representation)).issubset(names):
        problem = "it has a default of several lines"
    else:
        problem = _error(_with_places(representation, _named)) and (
            "it has two parameters of one name")
    if problem:
        syntax.parse(_with_places(representation, _unnamed()), re.DOTALL)
    return problem


def _names(representation: str) -> List[str]:
    names: List[str] = []

    def note(name: str) -> str:
        names.append(name)
        return ""

    _with_places(representation, note)
    return names


def _error(source: str) -> str:
    try:
        syntax.parse(source, re.DOTALL)
    except re.error as error:
        return str(error)
    return ""


def _has(tree: Iterable[Any], anchors: Tuple[Any, ...]) -> bool:
    """Whether StackStorm finds one of these anchors.

    It looks into groups and into the second branch of an alternative, and not into what is
    repeated or optional.
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
