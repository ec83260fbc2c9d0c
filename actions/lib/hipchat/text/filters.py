"""Filters on chat text: google-re2, so that no pattern and no text can hold the sensor up."""
from typing import Iterable, List, Optional, Sequence

import re2

__all__ = ["Filter", "FilterSet"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class Filter:
    """A regular expression in RE2's syntax (no look-around, no back-references).

    Searched anywhere in the text, in time linear in the text's length. ValueError, saying what is
    wrong, for a pattern that does not compile.
    """

    def __init__(self, pattern: str):
        self.pattern = pattern
        try:
            self._compiled = re2.compile(pattern, _OPTIONS)
        except re2.error as error:
            reason = error.args[0] if error.args else "unknown reason"
            raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes)
                             else str(reason)) from None

    def groups(self, text: str) -> Optional[List[str]]:
        """The captured groups of the first place found, "" for one that took no part.

        None where the pattern is not found.
        """
        match = self._compiled.search(text)
        return None if match is None else list(match.groups(""))


class FilterSet:
    """Many filters, searched in one pass; made when first needed, since that takes a while."""

    def __init__(self, filters: Sequence[Optional[Filter]]):
        self._all = range(len(filters))
        try:
            self._set = re2.Set.SearchSet(_OPTIONS)
            for each in filters:
                self._set.Add(each.pattern if each else "")
            self._set.Add("")  # found in every text, unless RE2 ran out of memory
            self._set.Compile()
        except re2.error:  # too large together
            self._set = None

    def candidates(self, text: str) -> Iterable[int]:
        """The places of the filters that may be found in the text: all where one cannot tell."""
        found = self._set.Match(text) if self._set else []
        if len(self._all) not in found:
            return self._all
        return sorted(place for place in found if place in self._all)
