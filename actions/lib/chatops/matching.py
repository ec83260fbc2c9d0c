"""Finds the format that a command fits, ignoring case, and what StackStorm makes of it.

StackStorm's own matching is case-sensitive. So it gets the command with the format's words in the
format's case, and with the values as typed. A command is only run if StackStorm's expression takes
the same values from what StackStorm is given as it takes, ignoring case, from what was typed.

Python's re takes polynomial time for that, and so does StackStorm. Therefore RE2 says first, in
linear time, whether a command fits at all: where it fits, re mostly finds its way fast. Where re
does not, it is stopped, and StackStorm does not get the command either.
"""
import re
from functools import cached_property, lru_cache
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import re2

from chatops.format_language import Command, read_command, read_format
from chatops.time_limit import TooSlow, limited_time

__all__ = ["Fit", "Format", "formats_of", "name_of", "quoted"]

_BEGINNING = re.compile(r"(\w*)(.?)", re.DOTALL)
# Letters of a format that no command has.
_NO_WORDS = re.compile(r"\\[A-Za-z]|\(\?P<\w+>|\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
# What RE2 reads otherwise: letters that are not English, {,3} and [[:alpha:]].
_CLASSES = re.compile(r"\\[wWbBdDsS]")
_OTHER_DIALECT = re.compile(r"\{,|\[\[:")
_TIME_LIMIT = 0.1  # seconds of this process's time for a search by re

CASE_UNKNOWN = "Capitals count in that command. Write it as: {}"
TWO_READINGS = ("With its capitals that can be read in two ways, as {} or as {}. Put quotes around "
                "what belongs together.")
TOO_LONG = "That is too long for the command {}: StackStorm could take minutes to read it."
IMPOSSIBLE = "StackStorm cannot run {}: {}. Tell who made it."

Values = Dict[str, Any]


class Fit(NamedTuple):
    """A format and a command that fits it.

    command: what StackStorm is to be given, "" if it takes nothing of the kind; is_exact: whether
    it takes the command as typed, or may do so; executions: the values of each, by parameter
    (several executions only with match_multiple); obstacle: why it is not run, else "".
    """

    format: "Format"
    command: str
    is_exact: bool
    executions: Sequence[Values] = ()
    obstacle: str = ""


class Format:
    """One representation of an alias; its display is "" where the alias shows none in its help."""

    def __init__(self, alias: Dict[str, Any], display: str, representation: str,
                 multiple: bool = False):
        self.alias, self.display, self.multiple = alias, display, multiple
        self.representation = representation

    @property
    def label(self) -> str:
        """The format as help shows it."""
        return self.display or self.representation

    @property
    def names(self) -> List[str]:
        """The names of its parameters."""
        return read_format(self.representation).names

    @cached_property
    def problem(self) -> str:
        """Why StackStorm cannot run a command in this format; "" if it can."""
        try:
            return read_format(self.representation).problem
        except re.error as error:
            return f"its format is no regular expression ({error})"

    def fit(self, typed: str) -> Optional[Fit]:
        """Return how a command fits, ignoring case; None where it does not."""
        command = read_command(typed)
        if not self._begins_as(command.text):
            return None
        try:
            return self._fit(typed, command)
        except re.error:
            return None
        except TooSlow:
            return Fit(self, typed, True, obstacle=TOO_LONG.format(self.label))

    def _fit(self, typed: str, command: Command) -> Optional[Fit]:
        executions = self._executions(command, re.IGNORECASE)
        if not executions:
            return None
        if self.problem:
            return Fit(self, "", False,
                       obstacle=IMPOSSIBLE.format(name_of(self.alias), self.problem))
        return self._same(typed, command, executions)

    def _same(self, typed: str, command: Command, executions: List[Values]) -> Fit:
        """Return the fit with the text from which StackStorm takes these very values."""
        as_typed = self._executions(command)
        if as_typed and as_typed != executions:
            return Fit(self, typed, True, executions, TWO_READINGS.format(
                _described(as_typed), _described(executions)))
        if as_typed:
            return Fit(self, typed, True, executions)
        for recased in self._recased(command):
            if self._executions(read_command(recased)) == executions:
                return Fit(self, recased, False, executions)
        return Fit(self, "", False, executions, CASE_UNKNOWN.format(self.label))

    def _recased(self, command: Command) -> Iterator[str]:
        """Yield the command with the words beside its values in the case that the format has.

        Words that the format does not have, where [a-z]+ stands, stay as typed or become small.
        """
        words = _WORD.findall(_NO_WORDS.sub(" ", self.representation))
        known = {word.lower(): word for word in reversed(words)}
        known.update(zip(words, words))
        for other in (str, str.lower):
            def cased(word: "re.Match[str]") -> str:
                typed = word.group()
                return known.get(typed) or known.get(typed.lower()) or other(typed)

            parts, end = [], 0
            for begin, finish in _literals(self._matches(command.text, re.IGNORECASE)):
                parts += [command.text[end:begin], _WORD.sub(cased, command.text[begin:finish])]
                end = finish
            yield "".join([*parts, command.text[end:]])[1:-1] + command.ending

    def _executions(self, command: Command, flags: int = 0) -> List[Values]:
        """Return the values of each execution that StackStorm starts; none where it takes none."""
        expression = read_format(self.representation)
        found = [expression.values(match, command)
                 for match in self._matches(command.text, flags)]
        return [] if None in found else [values for values in found if values is not None]

    def _matches(self, text: str, flags: int) -> List["re.Match[str]"]:
        expression = read_format(self.representation)
        if self._is_regular(text) and not _gate(expression.superset, flags).search(text):
            return []
        pattern = _compiled(expression.source, flags)
        with limited_time(_TIME_LIMIT):
            if self.multiple:
                return list(pattern.finditer(text))
            match = pattern.search(text)
        return [match] if match else []

    def _is_regular(self, text: str) -> bool:
        """Whether RE2 reads the format as Python does."""
        if _OTHER_DIALECT.search(self.representation) or (
                not text.isascii() and _CLASSES.search(self.representation)):
            return False
        return _gate(read_format(self.representation).superset, 0) is not None

    def _begins_as(self, text: str) -> bool:
        """Whether the text begins as the format does, as far as the format begins with letters."""
        begun = _BEGINNING.match(self.representation)
        start, after = begun.groups() if begun else ("", "")
        start = start[:-1] if after in "?*+{" else start
        return "|" in self.representation or text.lstrip().lower().startswith(start.lower())


@lru_cache(maxsize=2048)
def _gate(expression: str, flags: int) -> Any:
    """Compile an expression for RE2; None where RE2 does not know all that it has."""
    options = re2.Options()
    options.log_errors, options.case_sensitive = False, not flags & re.IGNORECASE
    options.dot_nl = options.never_capture = True
    try:
        return re2.compile(expression, options)
    except re2.error:
        return None


@lru_cache(maxsize=2048)
def _compiled(expression: str, flags: int) -> "re.Pattern[str]":
    return re.compile(expression, re.DOTALL | flags)


def _literals(matches: List["re.Match[str]"]) -> Iterator[Tuple[int, int]]:
    """Yield where the words of the format stand in a text: in matches, outside of all values."""
    for match in matches:
        begin = match.start()
        for start, end in sorted(match.span(name) for name in match.re.groupindex):
            if start >= begin:
                yield begin, start
            begin = max(begin, end)
        yield begin, match.end()


def formats_of(alias: Dict[str, Any]) -> Iterator[Format]:
    """Yield an alias's formats, in the author's order."""
    for each in alias.get("formats") or []:
        if isinstance(each, str):
            each = {"display": each, "representation": [each]}
        representations: List[str] = each.get("representation") or []
        if isinstance(representations, str):
            representations = [representations]
        for representation in representations:
            yield Format(alias, each.get("display") or "", representation,
                         bool(each.get("match_multiple")))


def name_of(alias: Dict[str, Any]) -> str:
    """How permissions name an alias."""
    return "{pack}.{name}".format_map(alias)


def quoted(text: str) -> str:
    """Return text from chat in the form that is shown to people."""
    return f'"{text}"'


def _described(executions: Sequence[Values]) -> str:
    return "; ".join(" ".join(f"{name}={quoted(value)}" for name, value in values.items()
                              if value is not None) for values in executions)
