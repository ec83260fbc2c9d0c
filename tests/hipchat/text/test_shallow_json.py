"""JSON is read down to a depth, and what is deeper is refused before a parser goes down there."""
import json
import time

import pytest
from hipchat.text.shallow_json import DEEPEST, loads
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text('[]{}"\\a\n', max_size=9),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text('[{"\\'), inner))


def depth(value):
    if isinstance(value, (list, dict)):
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


@given(JSON, st.booleans())
def test_json_of_allowed_depth_is_read(value, spaced):
    text = json.dumps(value, indent=1 if spaced else None)
    assert loads(text, deepest=depth(value)) == value
    if depth(value):
        with pytest.raises(ValueError):
            loads(text, deepest=depth(value) - 1)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":[', "]}"), ('["]]]",', "]")])
def test_json_deeper_than_any_response_is_refused(opening, closing):
    assert loads("[" * DEEPEST + "]" * DEEPEST)
    for times in (DEEPEST + 1, 100000):
        with pytest.raises(ValueError):
            loads(opening * times + closing * times)
        with pytest.raises(ValueError):
            loads(opening * times)


@pytest.mark.parametrize("text", ['"' + '\\"' * 10 ** 6 + "[" * 200, '"\\' * 10 ** 6 + "[" * 200,
                                  "[" * 200 + '"' + "\\" * 10 ** 6, "[]" * 10 ** 6])
def test_a_text_of_mebibytes_is_refused_in_a_moment(text):
    started = time.process_time()
    with pytest.raises(ValueError):
        loads(text)
    assert time.process_time() - started < 5
