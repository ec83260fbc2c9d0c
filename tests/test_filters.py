"""Filters: RE2 patterns, searched in chat text."""
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hipchat.filters import Filter


@pytest.mark.parametrize("pattern, text, groups", [
    ("ping (.*)", "ping hello", ["hello"]),
    ("ping (.*)", "say ping hello", ["hello"]),
    ("ping (.*)", "pong", None),
    ("ping", "ping", []),
    ("", "", []),
    ("(a)(b)?", "a", ["a", ""]),
    ("(a)|(b)|(c)", "b", ["", "b", ""]),
    ("((a)(b))", "ab", ["ab", "a", "b"]),
    ("(?:a)(?P<named>b)", "ab", ["b"]),
    ("(\\w+) (\\w+)", "one two three four", ["one", "two"]),
    ("(?i)straße (.+)", "STRAßE Köln", ["Köln"]),
    ("(.)", "\U0001f389", ["\U0001f389"]),
    ("^(\\pL+)$", "Grüße", ["Grüße"]),
    (".+", "one\ntwo", []),
    ("^two", "one\ntwo", None),
    ("(?m)^(two)$", "one\ntwo", ["two"]),
    ("(?s)one(.*)three", "one\ntwo\nthree", ["\ntwo\n"]),
    ("a\0b", "a\0b", []),
    ("\\bping\\b", "a ping!", []),
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
    started = time.perf_counter()
    assert Filter(pattern).groups(text) is None
    assert time.perf_counter() - started < 1


@given(st.text(max_size=30), st.text(max_size=60))
def test_never_raises_on_text_and_compiles_or_raises_value_error(pattern, text):
    try:
        compiled = Filter(pattern)
    except ValueError:
        return
    groups = compiled.groups(text)
    assert groups is None or all(isinstance(group, str) for group in groups)
