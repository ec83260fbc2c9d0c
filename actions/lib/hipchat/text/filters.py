"""Regular expressions on chat text, by google-re2, so no pattern and no text blocks the sensor."""
from typing import Iterable, List, Optional, Sequence

import re2

__all__ = ["Filter", "FilterSet"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class Filter:
    """A regular expression in RE2's syntax, which has no look-around and no back-references.

    The expression matches anywhere in a text. A search takes time linear in the text's length.

    Raises:
        ValueError: RE2 rejects the pattern; the error's message is RE2's reason.
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
        """Return the groups of the first match ("" for one without text); None without a match."""
        match = self._compiled.search(text)
        return None if match is None else list(match.groups(""))


class FilterSet:
    """Many filters, searched in one pass over a text. A set takes a while to build: reuse it.

    Args:
        filters: None in place of a filter matches every text. candidates() returns positions in
            this sequence.
    """

    def __init__(self, filters: Sequence[Optional[Filter]]):
        self._all = range(len(filters))
        try:
            self._set = re2.Set.SearchSet(_OPTIONS)
            for filter in filters:
                self._set.Add(filter.pattern if filter else "")
            self._set.Add("")  # matches every text, unless RE2 runs out of memory
            self._set.Compile()
        except re2.error:  # the set is too large
            self._set = None

    def candidates(self, text: str) -> Iterable[int]:
        """Return the indexes of the filters that may match a text, in order.

        To be sure, call groups() of each of these filters: if RE2 runs out of memory, all are
        returned.
        """
        matched = self._set.Match(text) if self._set else []
        if len(self._all) not in matched:
            return self._all
        return sorted(index for index in matched if index in self._all)
