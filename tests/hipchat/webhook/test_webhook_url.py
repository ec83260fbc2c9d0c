"""Webhook URLs, which only this sensor can sign."""
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hipchat.events import HIPCHAT_EVENTS
from hipchat.text.url import normalized_url
from hipchat.webhook.webhook_url import Address, WebhookUrl

PUBLIC = "https://st2.example.com:8088/hipchat"
ADDRESS = Address("room_message", 1001)
URLS = WebhookUrl(PUBLIC, b"secret")
ROOMS = st.integers(0, 2 ** 63 - 1)


@pytest.fixture
def url():
    return URLS.make(ADDRESS)


def test_stands_for_its_event_and_room_also_after_a_restart(url):
    assert url.startswith(PUBLIC + "/room_message/1001/")
    assert WebhookUrl(PUBLIC, b"secret").read(url) == ADDRESS


def test_of_any_length_is_read_in_a_moment(url):
    """An admin of a room may make webhooks with whatever URLs."""
    started = time.process_time()
    for hostile in ("http://x" + "/room_enter/a" * 10 ** 5, url * 2000, url + "/" * 10 ** 6):
        URLS.other_public_url(hostile), URLS.read(hostile), URLS.is_ours(hostile)
    assert time.process_time() - started < 5


def test_carries_a_signature_of_256_bits_that_reveals_nothing_of_the_secret(url):
    assert len(url.rpartition("/")[2]) == 43
    assert "secret" not in url


@given(st.sampled_from(sorted(HIPCHAT_EVENTS)), ROOMS)
def test_can_be_read_for_any_event_and_room(event, room):
    url = URLS.make(Address(event, room))
    assert URLS.read(url) == Address(event, room)
    assert url.isascii() and not set(url) & set(" \"<>\\^`{|}?#")
    assert url.count("/") == PUBLIC.count("/") + 3


@pytest.mark.parametrize("spelling", [
    lambda url: url.replace("st2.example", "ST2.Example"),
    lambda url: url.replace("https", "HTTPS"),
    lambda url: url.replace("room_message", "room%5Fmessage"),
    lambda url: url + "/"])
def test_is_the_same_in_another_spelling(url, spelling):
    assert URLS.read(spelling(url)) == ADDRESS and URLS.is_ours(spelling(url))


@pytest.mark.parametrize("one, other", [
    ("https://a:443/x", "https://A/x/"), ("http://a:80/x%20y", "http://a/x y"),
    ("https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x")])
def test_are_compared_in_one_spelling(one, other):
    assert normalized_url(one) == normalized_url(other)


@pytest.mark.parametrize("one, other", [
    ("https://a:80/x", "https://a/x"), ("http://a/x", "https://a/x"), ("http://a/x", "http://a/X"),
    ("http://a/x", "http://a/x?y"), ("http://a/x", "http://b@a/x"), ("http://a/", "http://a:x/"),
    ("http://a/x", "http://a/\nx"), ("http://a", "http://[a"), ("", "http://a")])
def test_are_different_where_they_lead_elsewhere(one, other):
    assert normalized_url(one) != normalized_url(other)


@given(st.integers(0, 42), st.sampled_from("ABCXYZabcxyz019-_"))
def test_is_not_ours_with_one_letter_of_the_signature_changed(position, letter):
    url = URLS.make(ADDRESS)
    start = len(url) - 43 + position
    changed = url[:start] + letter + url[start + 1:]
    if changed != url:
        assert URLS.read(changed) is None


@pytest.mark.parametrize("old, new", [
    ("1001", "Factor"), ("1001", "1" * 5000), ("https:", "http:"), ("st2.", "st3."),
    ("1001", "1001\n"), ("room_message", "room_message\n")])
def test_is_not_ours_if_anything_else_is_changed(url, old, new):
    """The changes that a request can make are in test_receiver.py."""
    assert URLS.read(url.replace(old, new)) is None


@pytest.mark.parametrize("end", ["A", "/x", "?a=b", "\n"])
def test_is_not_ours_with_more_at_its_end(url, end):
    assert URLS.read(url + end) is None


def test_of_another_secret_is_not_read(url):
    assert WebhookUrl(PUBLIC, b"another").read(url) is None


def test_is_ours_by_its_shape_whatever_its_signature(url):
    assert URLS.is_ours(url) and URLS.is_ours(url[:-43] + "x" * 43)
    assert URLS.is_ours(PUBLIC + "/room_enter/Old name/" + "x" * 43)


@pytest.mark.parametrize("other", [
    PUBLIC, PUBLIC + "-two/room_message/1001/" + "x" * 43, PUBLIC + "/anything",
    PUBLIC + "/room_message/1001/" + "x" * 42, PUBLIC + "/room_party/1001/" + "x" * 43,
    PUBLIC + "/api/v1/webhooks/ci", PUBLIC + "/room_message/" + "x" * 43,
    PUBLIC + "/a/room_message/1001/" + "x" * 43, "https://example.com/?" + PUBLIC])
def test_of_another_shape_or_elsewhere_are_not_ours(other):
    assert not URLS.is_ours(other) and URLS.read(other) is None


@pytest.mark.parametrize("base", [
    "https://old.example.com", "https://old.example.com:8088/hipchat", "http://10.0.0.1:8088/a/b"])
def test_of_an_earlier_public_url_are_known_by_their_signature(base):
    url = WebhookUrl(base, b"secret").make(ADDRESS)
    assert URLS.other_public_url(url) == base and not URLS.is_ours(url)
    assert WebhookUrl(PUBLIC, b"another").other_public_url(url) is None


@given(ROOMS, ROOMS)
def test_of_one_room_is_no_url_of_another(one, other):
    if one != other:
        signature = URLS.make(Address("room_message", one)).rpartition("/")[2]
        prefix = URLS.make(Address("room_message", other)).rpartition("/")[0]
        assert URLS.read(prefix + "/" + signature) is None
