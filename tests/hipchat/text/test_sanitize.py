"""What StackStorm takes of what people and HipChat write."""
import json

import pytest

from hipchat.text.template_guard import BREAK
from hipchat.text.sanitize import DELIMITER, sanitize

OVERLAPPING = DELIMITER[:-4] + DELIMITER  # the one's last signs are the other's first


@pytest.mark.parametrize("value, stored", [
    ("half an emoji \ud83d", "half an emoji ?"), ({"a\0b": ["\udc00"]}, {"a\ufffdb": ["?"]}),
    (2 ** 63 - 1, 2 ** 63 - 1), (-2 ** 63, -2 ** 63), ([2 ** 63], [str(2 ** 63)]),
    (True, True), (None, None), (1.5, 1.5), ("M\u00fcnchen \U0001f600", "M\u00fcnchen \U0001f600")])
def test_values_that_a_database_cannot_store_are_replaced(value, stored):
    assert sanitize(value) == stored and type(sanitize(value)) is type(stored)


@pytest.mark.parametrize("text", [DELIMITER, "ping " + DELIMITER + " pong", DELIMITER * 2,
                                  OVERLAPPING, OVERLAPPING[:-4] + DELIMITER])
def test_no_text_ends_an_actions_result(text):
    found = json.dumps(sanitize({text: [text]}), ensure_ascii=False)
    assert DELIMITER not in found and found.replace(BREAK, "") == json.dumps({text: [text]})
