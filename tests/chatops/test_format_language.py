"""Formats are read as StackStorm reads them: compared with its own parser, or what that once took.

tests/support/format_pairs.py has the formats, and writes the table that is compared elsewhere.
"""
import json
import re
from pathlib import Path

import pytest
from support.format_pairs import FORMATS, MULTIPLE, pairs, rows_of, stackstorm_takes

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
    """As stackstorm_takes(), by the sandbox's StackStorm; None where it lacks match_multiple."""
    if multiple:
        return None
    try:
        values = parameters_in(format, command)
    except Invalid:
        return "error"
    return [] if values is None else [values]


def compare(rows, parser):
    """Compare what is given to StackStorm, and the sandbox, with what its parser takes.

    Args:
        rows: of format_pairs.rows_of().
        parser: takes what the pack gives to StackStorm.

    Returns:
        The differences, and the numbers of commands that are run and refused.
    """
    differences, run, refused = [], 0, 0
    for format, command, multiple, as_typed, ignoring_case in rows:
        if sandbox_takes(format, command, multiple) not in (None, as_typed, as_typed or "error"):
            differences.append(("sandbox", format, command))
        match = Format({"pack": "ops", "name": "own"}, format, format, multiple).match(command)
        if not ignoring_case or ignoring_case == "error":
            is_same = match is None or match.rejection
        elif match is None or match.rejection:
            is_same = match is not None
            refused += 1
        else:
            is_same = list(match.executions) == ignoring_case and (
                parser(format, match.command, multiple) in (None, ignoring_case))
            run += 1
        if not is_same:
            differences.append((format, command, match))
    return differences, run, refused


def test_recorded_commands_are_parsed_as_stackstorm_parsed_them():
    differences, run, refused = compare(RECORDED, sandbox_takes)
    assert len(RECORDED) == 500 and differences == []
    assert run > 200 and refused < 0.02 * run


@pytest.mark.skipif(not st2common, reason="needs StackStorm's own parser")
def test_twenty_thousand_commands_are_taken_as_stackstorm_takes_them():
    assert len(FORMATS + MULTIPLE) >= 60
    differences, run, refused = compare(rows_of(pairs(21000, seed=9)), stackstorm_takes)
    assert differences == []
    assert run > 9000 and refused < 0.01 * run


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
