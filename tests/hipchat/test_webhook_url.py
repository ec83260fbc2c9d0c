"""Webhook URLs, and that nobody else can make one."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hipchat.events import HIPCHAT_EVENTS
from hipchat.webhook_url import Address, WebhookUrl

PUBLIC = "https://st2.example.com:8088/hipchat"
ADDRESS = Address("room_message", "Factor")
URLS = WebhookUrl(PUBLIC, b"secret")
ROOMS = st.text(st.characters(min_codepoint=32, blacklist_categories=["Cs"]), min_size=1)


@pytest.fixture
def url():
    return URLS.make(ADDRESS)


def test_stands_for_its_event_and_room(url):
    assert url.startswith(PUBLIC + "/room_message/Factor/")
    assert URLS.read(url) == ADDRESS


def test_is_the_same_after_a_restart(url):
    assert WebhookUrl(PUBLIC, b"secret").make(ADDRESS) == url


def test_carries_a_signature_of_256_bits_that_tells_nothing_of_the_secret(url):
    assert len(url.rpartition("/")[2]) == 43
    assert "secret" not in url


@given(st.sampled_from(sorted(HIPCHAT_EVENTS)), ROOMS)
def test_can_be_read_for_any_event_and_room(event, room):
    url = URLS.make(Address(event, room))
    assert URLS.read(url) == Address(event, room)
    assert url.isascii() and not set(url) & set(" \"<>\\^`{|}?#")
    assert url.count("/") == PUBLIC.count("/") + 3


@pytest.mark.parametrize("room", ["Ops/Dev", "a//b", "/", "../x", "50%", "%2F", "a?b#c", "ä ☃"])
def test_is_read_where_a_proxy_has_decoded_the_slashes_of_the_room(room):
    url = URLS.make(Address("room_message", room))
    assert URLS.read(url) == Address("room_message", room)
    if "%" not in room:
        assert URLS.read(url.replace("%2F", "/")) == Address("room_message", room)


@given(st.integers(0, 42), st.sampled_from("ABCXYZabcxyz019-_"))
def test_is_nobodys_with_one_letter_of_the_signature_changed(position, letter):
    url = URLS.make(ADDRESS)
    start = len(url) - 43 + position
    changed = url[:start] + letter + url[start + 1:]
    if changed != url:
        assert URLS.read(changed) is None


@pytest.mark.parametrize("change", [
    lambda url: url.replace("room_message", "room_enter"),
    lambda url: url.replace("room_message", "room_party"),
    lambda url: url.replace("Factor", "Factory"),
    lambda url: url.replace("Factor", "factor"),
    lambda url: url.replace("/Factor", ""),
    lambda url: url.replace("/hipchat/", "/other/"),
    lambda url: url.replace("https:", "http:"),
    lambda url: url.replace("st2.", "st3."),
    lambda url: url[:-1],
    lambda url: url + "A",
    lambda url: url + "/",
    lambda url: url + "?a=b",
    lambda url: url.rpartition("/")[0] + "/" + "ä" * 43,
    lambda url: url.rpartition("/")[0] + "/",
    lambda url: PUBLIC,
    lambda url: PUBLIC + "/",
    lambda url: "",
    lambda url: "\n".join(url),
])
def test_is_nobodys_if_anything_else_is_changed(url, change):
    assert URLS.read(change(url)) is None


def test_of_another_secret_is_not_read(url):
    assert WebhookUrl(PUBLIC, b"another").read(url) is None


def test_is_ours_by_its_beginning_whatever_its_signature(url):
    assert URLS.is_ours(url) and URLS.is_ours(PUBLIC + "/anything")
    for other in (PUBLIC, PUBLIC + "-two/x", "https://example.com/?" + url, PUBLIC.upper() + "/"):
        assert not URLS.is_ours(other)


@given(ROOMS, ROOMS)
def test_of_one_room_is_no_url_of_another(one, other):
    if one != other:
        signature = URLS.make(Address("room_message", one)).rpartition("/")[2]
        prefix = URLS.make(Address("room_message", other)).rpartition("/")[0]
        assert URLS.read(prefix + "/" + signature) is None
