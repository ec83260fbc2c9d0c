"""Matches commands with the formats of aliases, ignoring case.

StackStorm's own matching is case-sensitive. So StackStorm gets the command with the format's words
in the format's case, and with the values as typed. The pack runs a command only if both readings
give the same values: StackStorm's reading of that text, and a reading of the typed text that
ignores case.

Python's re, which StackStorm uses too, takes polynomial time. Therefore RE2 first decides in linear
time whether a command fits. If it fits, re is usually fast. If re is slow, it is stopped, and the
command is rejected, because it would block StackStorm too.
"""
import re
from functools import cached_property, lru_cache
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import re2

from chatops.format_language import Command, read_command, read_format
from chatops.time_limit import TooSlow, limited_time

__all__ = ["Fit", "Format", "formats_of", "name_of", "quoted"]

_BEGINNING = re.compile(r"(\w*)(.?)", re.DOTALL)
# The letters in a format that do not stand for themselves.
_NO_WORDS = re.compile(r"\\[A-Za-z]|\(\?P<\w+>|\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
# RE2 reads these differently: classes on letters that are not English, {,3} and [[:alpha:]].
_CLASSES = re.compile(r"\\[wWbBdDsS]")
_OTHER_DIALECT = re.compile(r"\{,|\[\[:")
_TIME_LIMIT = 0.1  # seconds of this process's time for a search by re

Values = Dict[str, Any]


class Fit(NamedTuple):
    """A format and a command that fits it.

    Attributes:
        command: the text for StackStorm; "" if StackStorm would accept none.
        is_exact: whether StackStorm accepts the command as typed, or might accept it.
        executions: the parameters of each execution; there are several only with match_multiple.
        rejection: why the pack does not run the command, else "".
    """

    format: "Format"
    command: str
    is_exact: bool
    executions: Sequence[Values] = ()
    rejection: str = ""


class Format:
    """One representation of an alias.

    Attributes:
        display: its line in the help; "" if help does not show it.
        is_multiple: whether the alias has match_multiple: a command may start several executions.
    """

    def __init__(self, alias: Dict[str, Any], display: str, representation: str,
                 is_multiple: bool = False):
        self.alias, self.display, self.is_multiple = alias, display, is_multiple
        self.representation = representation

    @property
    def label(self) -> str:
        """The display, or without one the representation."""
        return self.display or self.representation

    @property
    def names(self) -> List[str]:
        """The names of the parameters."""
        return read_format(self.representation).names

    @cached_property
    def problem(self) -> str:
        """Why StackStorm cannot run a command in this format; "" if it can."""
        try:
            return read_format(self.representation).problem
        except re.error as error:
            return f"its format is no regular expression ({error})"

    def fit(self, typed: str) -> Optional[Fit]:
        """Return the fit of a command, ignoring case; None if the command does not fit."""
        command = read_command(typed)
        if not self._begins_as(command.text):
            return None
        try:
            return self._fit(typed, command)
        except re.error:
            return None
        except TooSlow:
            return Fit(self, typed, True,
                       rejection=f"That is too long for the command {self.label}: StackStorm could "
                                 "take minutes to read it.")

    def _fit(self, typed: str, command: Command) -> Optional[Fit]:
        executions = self._executions(command, re.IGNORECASE)
        if not executions:
            return None
        if self.problem:
            return Fit(self, "", False, rejection=f"StackStorm cannot run {name_of(self.alias)}: "
                                                  f"{self.problem}. Tell its author.")
        return self._fit_with_values(typed, command, executions)

    def _fit_with_values(self, typed: str, command: Command, executions: List[Values]) -> Fit:
        """Return the fit with the text from which StackStorm takes exactly these values."""
        as_typed = self._executions(command)
        if as_typed and as_typed != executions:
            return Fit(self, typed, True, executions,
                       "With its capitals that can be read in two ways, as "
                       f"{_described(as_typed)} or as {_described(executions)}. Put quotes around "
                       "each value.")
        if as_typed:
            return Fit(self, typed, True, executions)
        for recased in self._recased(command):
            if self._executions(read_command(recased)) == executions:
                return Fit(self, recased, False, executions)
        return Fit(self, "", False, executions,
                   f"Capitals count in that command. Write it as: {self.label}")

    def _recased(self, command: Command) -> Iterator[str]:
        """Yield the command with all words, except the values, in the format's case.

        Words that the format does not contain, but matches by [a-z]+, first stay as typed, then
        become lower case.
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
        """Return the values of each execution that StackStorm would start."""
        expression = read_format(self.representation)
        executions = [expression.values(match, command)
                      for match in self._matches(command.text, flags)]
        return [] if None in executions else [values for values in executions if values is not None]

    def _matches(self, text: str, flags: int) -> List["re.Match[str]"]:
        expression = read_format(self.representation)
        if self._is_regular(text) and not _gate(expression.superset, flags).search(text):
            return []
        pattern = _compiled(expression.source, flags)
        with limited_time(_TIME_LIMIT):
            if self.is_multiple:
                return list(pattern.finditer(text))
            match = pattern.search(text)
        return [match] if match else []

    def _is_regular(self, text: str) -> bool:
        """Return whether RE2 reads the format as Python does."""
        if _OTHER_DIALECT.search(self.representation) or (
                not text.isascii() and _CLASSES.search(self.representation)):
            return False
        return _gate(read_format(self.representation).superset, 0) is not None

    def _begins_as(self, text: str) -> bool:
        """Return whether the text begins with the letters with which the format begins."""
        match = _BEGINNING.match(self.representation)
        start, after = match.groups() if match else ("", "")
        start = start[:-1] if after in "?*+{" else start
        return "|" in self.representation or text.lstrip().lower().startswith(start.lower())


@lru_cache(maxsize=2048)
def _gate(expression: str, flags: int) -> Any:
    """Compile an expression for RE2; None if RE2 does not support it."""
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
    """Yield the spans of the format's own words in a text: inside matches, outside of values."""
    for match in matches:
        begin = match.start()
        for start, end in sorted(match.span(name) for name in match.re.groupindex):
            if start >= begin:
                yield begin, start
            begin = max(begin, end)
        yield begin, match.end()


def formats_of(alias: Dict[str, Any]) -> Iterator[Format]:
    """Yield an alias's formats, in the author's order."""
    for entry in alias.get("formats") or []:
        if isinstance(entry, str):
            entry = {"display": entry, "representation": [entry]}
        representations: List[str] = entry.get("representation") or []
        if isinstance(representations, str):
            representations = [representations]
        for representation in representations:
            yield Format(alias, entry.get("display") or "", representation,
                         bool(entry.get("match_multiple")))


def name_of(alias: Dict[str, Any]) -> str:
    """Return an alias's name as in permissions: pack.name."""
    return f"{alias['pack']}.{alias['name']}"


def quoted(text: str) -> str:
    """Return text from chat in quotes, for a reply."""
    return f'"{text}"'


def _described(executions: Sequence[Values]) -> str:
    return "; ".join(" ".join(f"{name}={quoted(value)}" for name, value in values.items()
                              if value is not None) for values in executions)
