"""Filters on chat text: google-re2, so that no pattern and no text can hold the sensor up."""
from typing import List, Optional

import re2

__all__ = ["Filter"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class Filter:
    """A regular expression in RE2's syntax (no look-around, no back-references).

    Searched anywhere in the text, in time linear in the text's length. ValueError, saying what is
    wrong, for a pattern that does not compile.
    """

    def __init__(self, pattern: str):
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
