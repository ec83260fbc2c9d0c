"""Filters: RE2 patterns, searched in chat text."""
import time
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hipchat.text.filters import Filter, FilterSet


@pytest.mark.parametrize("pattern, text, groups", [
    ("ping (.*)", "say ping hello", ["hello"]),
    ("ping (.*)", "pong", None),
    ("ping", "ping", []),
    ("ping( .*)?$", "ping", [""]),
    ("(?-i)ÄÖÜ", "äöü", None),
    ("(?i)привет (.+)", "ПРИВЕТ мир ☃", ["мир ☃"]),
    ("", "", []),
    ("(a)(b)?", "a", ["a", ""]),
    ("(?:a)(?P<named>b)", "ab", ["b"]),
    ("(\\w+) (\\w+)", "one two three four", ["one", "two"]),
    ("(.)", "\U0001f389", ["\U0001f389"]),
    ("^two", "one\ntwo", None),
    ("a\0b", "a\0b", []),
])
def test_finds_the_first_place_and_its_groups(pattern, text, groups):
    assert Filter(pattern).groups(text) == groups


@pytest.mark.parametrize("pattern", [
    "(", ")", "[a", "*", "a{2,1}", "(?=look)", "(?<=behind)", "(a)\\1", "\\", "(?P<a", "\ud800",
    "x{1001}", "(" * 2000])
def test_a_pattern_that_does_not_compile_is_a_value_error_with_the_reason(pattern):
    with pytest.raises(ValueError) as caught:
        Filter(pattern)
    assert len(str(caught.value)) > 5


@pytest.mark.parametrize("pattern, text", [
    ("^(a+)+$", "a" * 200000 + "!"),
    ("(x+x+)+y", "x" * 200000),
    ("(.*)(.*)(.*)(.*)(.*)[^a]$", "a" * 50000),
    ("(a|aa)+$", "a" * 100000 + "b"),
    ("^([a-zA-Z]+)*$", "a" * 100000 + "1"),
])
def test_takes_linear_time_on_patterns_that_hold_up_backtrackers(pattern, text):
    started = time.process_time()
    assert Filter(pattern).groups(text) is None
    assert time.process_time() - started < 1


@given(st.text(max_size=30), st.text(max_size=60))
def test_never_raises_on_text_and_compiles_or_raises_value_error(pattern, text):
    try:
        compiled = Filter(pattern)
    except ValueError:
        return
    groups = compiled.groups(text)
    assert groups is None or all(isinstance(group, str) for group in groups)


class TestSet:
    def test_finds_in_one_pass_which_filters_may_match(self):
        filters = [Filter("ping (.*)"), None, Filter("pong"), Filter("(?i)PING"), Filter("")]
        assert list(FilterSet(filters).candidates("ping pang")) == [0, 1, 3, 4]

    def test_of_no_filters_has_none(self):
        assert list(FilterSet([]).candidates("ping")) == []

    @given(st.lists(st.text(alphabet="ab.*+?|()[]^$\\n", max_size=6), max_size=8),
           st.text(alphabet="ab\n", max_size=12))
    def test_has_all_that_are_found_one_by_one(self, patterns, text):
        filters = []
        for pattern in patterns:
            try:
                filters.append(Filter(pattern))
            except ValueError:
                continue
        found = {place for place, each in enumerate(filters) if each.groups(text) is not None}
        assert found <= set(FilterSet(filters).candidates(text))

    def test_that_is_too_large_for_re2_has_all(self):
        filters = [Filter(f".{{0,30}}y{number}") for number in range(1000)]
        assert list(FilterSet(filters).candidates("ab")) == list(range(1000))

    def test_for_which_re2_runs_out_of_memory_has_all(self, monkeypatch):
        filters = FilterSet([Filter("ping"), Filter("pong")])
        monkeypatch.setattr(filters, "_set", mock.Mock(**{"Match.return_value": []}))
        assert list(filters.candidates("neither")) == [0, 1]
