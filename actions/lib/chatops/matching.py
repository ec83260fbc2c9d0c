"""Finds the alias and the format that a command fits, in time linear in the command's length.

StackStorm's own matching is exponential, and heeds case. What is found here is given to it with the
format's name, in the format's own case, so that it has that one format to match.
"""
import re
from functools import cached_property
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import re2

__all__ = ["Fit", "Format", "formats_of", "pairs_at_end", "pairs_in"]

_VALUE = r"\"\"|''|\".+?\"|'.+?'|\{.+?\}|"
_PLACE = re.compile(r"(\s*)\{\{\s*(\S+?)\s*(?:=\s*(" + _VALUE + r".+?)\s*)?\}\}", re.DOTALL)
_PAIR = r"(?:^|\s+)(\S+?)\s*=(" + _VALUE + r"\S+)"
_PAIRS_AT_END = re.compile(".*?((?:" + re.sub(r"\((?!\?)", "(?:", _PAIR) + r"\s*)*)\Z", re.DOTALL)
# What the case of letters does not touch, and what a format may say of where it begins and ends.
_NOT_ANCHORS = re.compile(r"\\[^AZz]|\[\^?\]?[^\]]*\]")
_ASCII_ALONE = re.compile(r"\\[wWbBdDsS]")  # to RE2, to StackStorm not
# Round brackets, one that begins a named group with its name, and what hides some.
_BRACKETS = re.compile(r"\\.|\[\^?\]?[^\]]*\]|\((?:\?(?:P<(\w+)>)?)?|\)", re.DOTALL)


class Fit(NamedTuple):
    """A format and a command that fits it.

    command: as StackStorm is to get it, "" if nobody but the person can write it in the format's
    case; exact: whether it was typed in that; values: by the format's names, those that were given.
    """

    format: "Format"
    command: str
    exact: bool
    values: Dict[str, str]


class _Place(NamedTuple):
    """Where a representation has a parameter: {{ one }}, or (?P<one>...)."""

    start: int
    end: int
    name: str


class Format:
    """One representation of an alias, a regular expression with {{ places }} for parameters."""

    def __init__(self, alias: Dict[str, Any], display: str, representation: str,
                 multiple: bool = False):
        self.alias, self.display, self.multiple = alias, display, multiple
        self.representation = representation
        self._patterns: Dict[bool, Any] = {}

    @cached_property
    def _places(self) -> List[_Place]:
        places = [_Place(*found.span(), found.group(2))
                  for found in _PLACE.finditer(self.representation)]
        return sorted([*places, *_named_groups(self.representation)])

    @property
    def names(self) -> List[str]:
        """What its places are called."""
        return [place.name for place in self._places]

    def fit(self, command: str) -> Optional[Fit]:
        """How the command fits, ignoring case; None where it does not."""
        text, ending = pairs_at_end(command)
        if not self._possible(text):
            return None
        found = self._pattern(False).search(f" {text} ")
        if not found:
            return None
        values = {name: _unquoted(found.group(place + 1))
                  for place, name in enumerate(self.names) if found.group(place + 1) is not None}
        exact = self._pattern(True).search(f" {text} ") is not None
        recased = command if exact else self._recased(found, ending)
        return Fit(self, recased, exact, dict(values, **pairs_in(ending)))

    def is_regular(self, command: str) -> bool:
        """Whether RE2 knows all that the representation has, and takes it as StackStorm does."""
        if not command.isascii() and _ASCII_ALONE.search(self.representation):
            return False
        try:
            self._pattern(True)
        except re2.error:
            return False
        return True

    def _possible(self, text: str) -> bool:
        """Whether the text begins as the format does, as far as the format begins with letters."""
        start, after = re.match(r"(\w*)(.?)", self.representation, re.DOTALL).groups()
        start = start[:-1] if after in "?*+{" else start
        return "|" in self.representation or text.lstrip().lower().startswith(start.lower())

    def _pattern(self, heeding_case: bool) -> Any:
        if heeding_case not in self._patterns:
            options = re2.Options()
            options.log_errors, options.case_sensitive = False, heeding_case
            options.dot_nl = True
            self._patterns[heeding_case] = re2.compile(self._expression(), options)
        return self._patterns[heeding_case]

    def _expression(self) -> str:
        """The representation as StackStorm reads it, but that quotes count to the values."""
        parts, end = [], 0
        for place in _PLACE.finditer(self.representation):
            value = place.group(1) + "(.+?)"
            parts += [_without_groups(self.representation[end:place.start()]),
                      f"(?:{value})?" if place.group(3) is not None else value]
            end = place.end()
        parts.append(_without_groups(self.representation[end:]))
        expression = "".join(parts)
        anchors = _NOT_ANCHORS.sub("", self.representation)
        return "{}{}{}".format("" if re.search(r"\^|\\A", anchors) else r"^\s*", expression,
                               "" if re.search(r"\$|\\[Zz]", anchors) else r"\s*$")

    def _recased(self, found: Any, ending: str) -> str:
        """What was found, its words in the format's case, and the ending; values stay as typed.

        "" where the format does not tell the case, as (Start|Stop) does not.
        """
        text, parts, end, literal, start = found.string, [], 0, "", 0
        for number, place in enumerate(self._places, 1):
            if place.start < start:  # it is in a group with a name
                continue
            literal += self.representation[start:place.start]
            start = place.end
            begin, finish = found.span(number)
            if begin < 0:
                continue
            parts += [_in_case_of(literal, text[end:begin]), text[begin:finish]]
            literal, end = "", finish
        parts.append(_in_case_of(literal + self.representation[start:], text[end:]))
        recased = "".join(parts)
        again = self._pattern(True).search(recased)
        return recased.strip() + ending if again and again.groups() == found.groups() else ""


def pairs_at_end(command: str) -> Tuple[str, str]:
    """A command without the key=value pairs that end it, and these; StackStorm cuts them off."""
    ending = _PAIRS_AT_END.match(command).group(1)
    return command.replace(ending, "") if ending else command, ending


def pairs_in(ending: str) -> Dict[str, str]:
    """Keys and values, these as they were written."""
    return dict(re.findall(_PAIR, ending, re.DOTALL))


def formats_of(alias: Dict[str, Any]) -> Iterator[Format]:
    """An alias's formats; one that is no regular expression fits nothing and is left out."""
    for each in alias.get("formats") or []:
        if isinstance(each, str):
            each = {"display": each, "representation": [each]}
        representations: List[str] = each.get("representation") or []
        if isinstance(representations, str):
            representations = [representations]
        for representation in representations:
            yield Format(alias, each.get("display") or representation, representation,
                         bool(each.get("match_multiple")))


def _named_groups(expression: str) -> Iterator[_Place]:
    """The groups that StackStorm takes for parameters by their names."""
    begun: List["re.Match"] = []
    for found in _BRACKETS.finditer(expression):
        if found.group().startswith("("):
            begun.append(found)
        elif found.group() == ")" and begun:
            begin = begun.pop()
            if begin.group(1):
                yield _Place(begin.start(), found.end(), begin.group(1))


def _without_groups(expression: str) -> str:
    """The expression in which groups capture nothing but where they have a name: like places."""
    return _BRACKETS.sub(lambda found: "(" if found.group(1) else (
        "(?:" if found.group() == "(" else found.group()), expression)


def _in_case_of(literal: str, text: str) -> str:
    """The text in the case of the literal, if that is what it says; else in small letters."""
    words = text.strip()
    written = literal.strip()
    return text.replace(words, written if words.lower() == written.lower() else words.lower())


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] in "\"'" else value
