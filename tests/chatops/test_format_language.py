"""Formats are read as StackStorm reads them: compared with its own parser, or what that once took.

tests/support/format_pairs.py has the formats, and writes the table that is compared elsewhere.
"""
import json
import re
from pathlib import Path

import pytest
from support.format_pairs import FORMATS, MULTIPLE, pairs, stackstorm_takes

from chatops.format_language import read_format
from chatops.matching import Format
from sandbox.stackstorm.aliases import parameters_in
from sandbox.stackstorm.errors import Invalid

try:
    import st2common
except ImportError:
    st2common = None

RECORDED = json.loads(Path(__file__).with_name("recorded_formats.json").read_text("utf-8"))
pytestmark = pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")


def sandbox_takes(format, command, multiple=False):
    """As stackstorm_takes(), by the sandbox's StackStorm, which has no match_multiple."""
    assert not multiple
    try:
        values = parameters_in(format, command)
    except Invalid:
        return "error"
    return [] if values is None else [values]


class Comparison:
    """Compares what is given to StackStorm with what its parser takes."""

    def __init__(self, parser):
        self._parser = parser
        self.differences, self.run, self.refused = [], 0, 0

    def add(self, format, command, multiple, as_typed, ignoring_case):
        """Count one pair, given what StackStorm takes as typed, and ignoring case."""
        if not multiple and sandbox_takes(format, command) not in (as_typed, as_typed or "error"):
            self.differences.append(("sandbox", format, command))
        match = Format({"pack": "ops", "name": "own"}, format, format, multiple).match(command)
        if not ignoring_case or ignoring_case == "error":
            is_same = match is None or match.rejection
        elif match is None or match.rejection:
            is_same = match is not None
            self.refused += 1
        else:
            is_same = list(match.executions) == ignoring_case and (
                not self._parser or self._parser(format, match.command, multiple) == ignoring_case)
            self.run += 1
        if not is_same:
            self.differences.append((format, command, match))


def test_recorded_commands_are_parsed_as_stackstorm_parsed_them():
    comparison = Comparison(parser=None)
    for row in RECORDED:
        comparison.add(*row)
    assert len(RECORDED) == 500 and comparison.differences == []
    assert comparison.run > 200 and comparison.refused < 0.02 * comparison.run


def test_commands_for_stackstorm_are_in_a_case_that_it_takes():
    for format, command, multiple, _, _ in RECORDED:
        match = Format({"pack": "ops", "name": "own"}, format, format, multiple).match(command)
        if match and not match.rejection and not multiple:
            assert sandbox_takes(format, match.command) == list(match.executions)


@pytest.mark.skipif(not st2common, reason="needs StackStorm's own parser")
def test_twenty_thousand_commands_are_taken_as_stackstorm_takes_them():
    assert len(FORMATS + MULTIPLE) >= 60
    comparison = Comparison(stackstorm_takes)
    for format, command, multiple in pairs(21000, seed=9):
        comparison.add(format, command, multiple, stackstorm_takes(format, command, multiple),
                       stackstorm_takes(format, command, multiple, ignoring_case=True))
    assert comparison.differences == []
    assert comparison.run > 9000 and comparison.refused < 0.01 * comparison.run


@pytest.mark.parametrize("format, words", [
    ("lookup {{ inventory-file }}", "it has a parameter inventory-file, and StackStorm takes only"),
    ("vm {{ vm.name }} off", "it has a parameter vm.name"),
    ("{{a}}{{b=1}}", "it has a parameter a}}{{b"),
    ("pair {{ a }} and (?P<a>x)", "it has two parameters of one name"),
    ('two {{ a="x\ny" }}', "it has a default of several lines")])
def test_a_format_that_stackstorm_fails_on_says_why(format, words):
    assert read_format(format).problem.startswith(words)


def test_one_that_is_no_regular_expression_says_so():
    with pytest.raises(re.error):
        read_format("say (")
    assert "is no regular expression" in Format({}, "", "say (").problem
