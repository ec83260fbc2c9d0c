"""Matches a typed command with the formats of StackStorm's action aliases, ignoring case.

StackStorm's own matching is case-sensitive. So the pack sends StackStorm a recased command: the
format's words are in the format's case, and the parameter values are as typed. StackStorm must read
the same values from it as the pack reads from the typed command when it ignores case.

RE2 first decides in linear time whether a command matches. A slow search by `re` is stopped,
because the same search would block StackStorm too.
"""
import re
from functools import cached_property, lru_cache
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import re2

from chatops.format_language import Command, FormatExpression, read_command, read_format
from chatops.time_limit import TooSlow, limited_time

__all__ = ["Format", "FormatMatch", "formats_of", "name_of"]

_BEGINNING = re.compile(r"(\w*)(.?)", re.DOTALL)
# The letters in a format that do not stand for themselves.
_NO_WORDS = re.compile(r"\\[A-Za-z]|\(\?P<\w+>|\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
# RE2 reads these differently: classes on letters that are not English, {,3} and [[:alpha:]].
_CLASSES = re.compile(r"\\[wWbBdDsS]")
_OTHER_DIALECT = re.compile(r"\{,|\[\[:")
_TIME_LIMIT = 0.1  # seconds of this process's processor time for a search by `re`

Values = Dict[str, Any]


class FormatMatch(NamedTuple):
    """The match of a typed command with one format of an alias.

    Attributes:
        command: the command to send to StackStorm, as typed or recased; "" if StackStorm accepts
            no spelling of it.
        executions: the parameter values of each execution that StackStorm would start: several
            only with match_multiple.
        rejection: why the pack must not run the command, for the reply; "" if it can.
    """

    format: "Format"
    command: str
    executions: Sequence[Values] = ()
    rejection: str = ""


class Format:
    """One representation in the formats of an alias, such as "deploy {{ host }}".

    Attributes:
        alias: the alias, as StackStorm's API returns it.
        display: the format's line in the help; "" if the help does not show the format.
        representation: a regular expression with {{ placeholders }}.
        is_multiple: whether the format has match_multiple: a command may start several executions.
    """

    def __init__(self, alias: Dict[str, Any], display: str, representation: str,
                 is_multiple: bool = False):
        self.alias, self.display, self.is_multiple = alias, display, is_multiple
        self.representation = representation

    @property
    def label(self) -> str:
        """The name of this format in replies: its display, or else its representation."""
        return self.display or self.representation

    @property
    def names(self) -> List[str]:
        """The names of the parameters that this format has placeholders for."""
        return self._expression.names

    @cached_property
    def _expression(self) -> FormatExpression:
        """The representation as StackStorm reads it; raises re.error if it cannot be read."""
        return read_format(self.representation)

    def prepare(self) -> None:
        """Read the representation before a command has to wait for it: it takes a millisecond."""
        self.problem

    @cached_property
    def problem(self) -> str:
        """Why StackStorm cannot run a command in this format; "" if it can."""
        try:
            return self._expression.problem
        except re.error as error:
            return f"its format is no regular expression ({error})"

    def match(self, typed: str) -> Optional[FormatMatch]:
        """Match a typed command with this format, ignoring case; return None if it does not match.

        If the command matches but must not be run, the match states why in its `rejection`.
        """
        command = read_command(typed)
        if not self._begins_as(command.text):
            return None
        try:
            return self._match(typed, command)
        except re.error:
            return None
        except TooSlow:
            return FormatMatch(self, typed, rejection=(
                f"That is too long for the command {self.label}: StackStorm could take minutes to "
                "read it."))

    def _match(self, typed: str, command: Command) -> Optional[FormatMatch]:
        """Find the spelling of a command from which StackStorm reads the values that people mean.

        These are the values that the pack reads when it ignores case.
        """
        executions = self._executions(command, re.IGNORECASE)
        if not executions:
            return None
        if self.problem:
            return FormatMatch(self, "", rejection=(
                f"StackStorm cannot run {name_of(self.alias)}: {self.problem}. Tell its author."))
        as_typed = self._executions(command)
        if as_typed:
            return FormatMatch(self, typed, executions, "" if as_typed == executions else (
                f"With its capitals that can be read in two ways, as {_described(as_typed)} or as "
                f"{_described(executions)}. Put quotes around each value."))
        for recased in self._recased(command):
            if self._executions(read_command(recased)) == executions:
                return FormatMatch(self, recased, executions)
        return FormatMatch(self, "", executions,
                           f"Capitals count in that command. Write it as: {self.label}")

    def _recased(self, command: Command) -> Iterator[str]:
        """Yield commands in which all words, except the values, are in the format's case.

        Words that are not in the format, but match an expression in it such as [a-z]+, are as typed
        in the first command, and in lower case in the second.
        """
        words = _WORD.findall(_NO_WORDS.sub(" ", self.representation))
        known = {word.lower(): word for word in reversed(words)}
        known.update(zip(words, words))
        for other in (str, str.lower):
            def cased(word: "re.Match[str]") -> str:
                typed = word.group()
                return known.get(typed) or known.get(typed.lower()) or other(typed)

            parts, end = [], 0
            for begin, finish in _literals(self._searched(command.text, re.IGNORECASE)):
                parts += [command.text[end:begin], _WORD.sub(cased, command.text[begin:finish])]
                end = finish
            yield "".join([*parts, command.text[end:]])[1:-1] + command.ending

    def _executions(self, command: Command, flags: int = 0) -> List[Values]:
        """Return the values of each execution that StackStorm would start; [] without a match."""
        executions = [self._expression.values(match, command)
                      for match in self._searched(command.text, flags)]
        return [] if None in executions else [values for values in executions if values is not None]

    def _searched(self, text: str, flags: int) -> List["re.Match[str]"]:
        """Return the format's matches by `re`: one or none, or all with match_multiple."""
        if self._is_regular(text) and not _gate(self._expression.superset, flags).search(text):
            return []
        pattern = re.compile(self._expression.source, re.DOTALL | flags)
        with limited_time(_TIME_LIMIT):
            if self.is_multiple:
                return list(pattern.finditer(text))
            match = pattern.search(text)
        return [match] if match else []

    def _is_regular(self, text: str) -> bool:
        """Return whether RE2 and `re` agree on this format and text, so RE2 may decide alone."""
        if _OTHER_DIALECT.search(self.representation) or (
                not text.isascii() and _CLASSES.search(self.representation)):
            return False
        return _gate(self._expression.superset, 0) is not None

    def _begins_as(self, text: str) -> bool:
        """Return whether a command may match, by a quick check of the format's first letters."""
        match = _BEGINNING.match(self.representation)
        start, after = match.groups() if match else ("", "")
        start = start[:-1] if after in "?*+{" else start
        return "|" in self.representation or text.lstrip().lower().startswith(start.lower())


@lru_cache(maxsize=2048)
def _gate(expression: str, flags: int) -> Any:
    """Compile an expression for RE2, with `re`'s flags; return None if RE2 does not support it."""
    options = re2.Options()
    options.log_errors, options.case_sensitive = False, not flags & re.IGNORECASE
    options.dot_nl = options.never_capture = True
    try:
        return re2.compile(expression, options)
    except re2.error:
        return None


def _literals(matches: List["re.Match[str]"]) -> Iterator[Tuple[int, int]]:
    """Yield (start, end) of each part of the matched command that is no parameter value."""
    for match in matches:
        begin = match.start()
        for start, end in sorted(match.span(name) for name in match.re.groupindex):
            if start >= begin:
                yield begin, start
            begin = max(begin, end)
        yield begin, match.end()


def formats_of(alias: Dict[str, Any]) -> Iterator[Format]:
    """Yield a Format for each representation of an alias, in the order of its YAML file."""
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
    """Return an alias's full name, pack.name, as in the config's chatops.allow."""
    return f"{alias['pack']}.{alias['name']}"


def _described(executions: Sequence[Values]) -> str:
    """Return the values of executions for a reply, such as `host="web"; host="db"`."""
    return "; ".join(" ".join(f'{name}="{value}"' for name, value in values.items()
                              if value is not None) for values in executions)
