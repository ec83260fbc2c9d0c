"""The pack's config: its defaults, and how wrong values are named."""
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support import REPOSITORY
from support.servers import EVENTS

from hipchat.errors import ConfigError
from hipchat.text.room_reference import room_key
from hipchat.config import keys
from hipchat.config.sensor_settings import SensorSettings
from hipchat.config.api_settings import ApiSettings

LEAST = {"api_key": "token", "api_url": "https://hipchat.example.com/v2",
         "webhook": {"public_url": "https://st2.example.com:8088/hipchat"}}


def settings(**config):
    return SensorSettings.from_config(dict(LEAST, **config))


def webhook(**more):
    return settings(webhook=dict(LEAST["webhook"], **more))


def refusal(config, kind=SensorSettings):
    with pytest.raises(ConfigError) as caught:
        kind.from_config(config)
    return str(caught.value)


class TestDefaults:
    """What need not be set."""

    def test_are_those_of_the_documentation(self):
        found = settings()
        assert (found.rooms, found.host, found.port) == ([], "0.0.0.0", 8088)
        assert found.events == ["message", "notification", "enter", "exit", "topic_change"]
        assert (found.api.default_room, found.api.verify, found.api.timeout) == (None, True, 10)
        assert found.api.rate_limit_wait == 60

    def test_are_those_of_the_schema(self):
        """The table of keys equals config.schema.yaml."""
        schema = {}
        for name, each in yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text()).items():
            schema.update({f"{name}.{key}": value for key, value in each["properties"].items()}
                          if "properties" in each else {name: each})
        ours = {name: each for name, each in schema.items()
                if name.partition(".")[0] not in keys.SECTIONS}
        assert sorted(ours) == sorted(keys.KEYS)
        assert {name: each.get("default") for name, each in ours.items()} == {
            name: key.default for name, key in keys.KEYS.items()}
        assert ours["events"]["items"]["enum"] == EVENTS
        secrets = {name for name, each in ours.items() if each.get("secret")}
        assert secrets == {"api_key", "oauth.secret", "addon.credentials", "webhook.secret"}

    @pytest.mark.parametrize("key", [
        "rooms", "events", "default_room", "verify_tls", "ca_bundle", "timeout", "webhook.host",
        "webhook.port", "webhook.secret", "spool.directory", "spool.max_deliveries"])
    def test_hold_where_the_value_is_null(self, key):
        assert SensorSettings.from_config(changed_in(LEAST, key, None)) == settings()

    def test_are_all_there_is_to_say_beside_a_token_and_a_url(self):
        config = {"api_key": "token", "api_url": "https://hipchat.example.com"}
        assert ApiSettings.from_config(config) == settings().api
        found = SensorSettings.from_config(config)
        assert (found.public_url, found.calls_share, settings().calls_share) == ("", 0.6, 0.2)

    def test_leave_no_add_on_without_a_url_to_be_reached_at(self):
        assert "webhook.public_url" in refusal({
            "api_url": "https://hipchat.example.com",
            "addon": {"enabled": True, "credentials": None}})


class TestValues:
    """What may be set."""

    @pytest.mark.parametrize("given, read", [
        ("https://hipchat.example.com/", "https://hipchat.example.com/v2"),
        ("https://hipchat.example.com/v2/", "https://hipchat.example.com/v2"),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090/v2"),
        ("http://[::1]:8090/v2", "http://[::1]:8090/v2"),
        ("https://example.com/hipchat/", "https://example.com/hipchat/v2"),
        (" https://hipchat.example.com/v2\n", "https://hipchat.example.com/v2")])
    def test_api_url_with_or_without_v2_and_slash(self, given, read):
        assert settings(api_url=given).api.api_url == read

    @pytest.mark.parametrize("given, read", [
        ("https://st2.example.com:8088/hipchat/", "https://st2.example.com:8088/hipchat"),
        ("http://st2.example.com/", "http://st2.example.com")])
    def test_public_url_with_or_without_slash(self, given, read):
        assert webhook(public_url=given).public_url == read

    @pytest.mark.parametrize("key, given, read", [
        ("rooms", ["Factor", "1001", 1002], ["Factor", "1001", "1002"]), ("events", EVENTS, EVENTS),
        ("events", [], [])], ids=["rooms by name and by ID", "all events", "no events"])
    def test_lists(self, key, given, read):
        assert getattr(settings(**{key: given}), key) == read

    @pytest.mark.parametrize("config, verify", [
        ({}, True), ({"verify_tls": False}, False), ({"ca_bundle": "/etc/ca.pem"}, "/etc/ca.pem"),
        ({"verify_tls": True, "ca_bundle": "/etc/ca.pem"}, "/etc/ca.pem"),
        ({"verify_tls": False, "ca_bundle": "/etc/ca.pem"}, False), ({"ca_bundle": ""}, True)])
    def test_how_tls_is_verified(self, config, verify):
        assert settings(**config).api.verify == verify

    def test_secret_which_is_derived_from_the_token_if_absent(self):
        first, again, other = settings(), settings(), settings(api_key="another")
        assert first.secret == again.secret != other.secret
        assert webhook(secret="own " * 4).secret == SensorSettings.from_config(dict(
            LEAST, api_key="another", webhook=dict(LEAST["webhook"], secret="own " * 4))).secret
        assert len(first.secret) >= 32
        assert b"token" not in first.secret

    def test_timeout(self):
        assert [settings(timeout=each).api.timeout for each in (0.5, 1, 600)] == [0.5, 1, 600]


def changed_in(config, key, value):
    """The config with one dotted key changed, if there can be one in its section."""
    section, _, name = key.rpartition(".")
    if not section:
        return dict(config, **{name: value})
    old = config.get(section, {})
    if not isinstance(old, dict):
        return config
    return dict(config, **{section: {**old, name: value}})


KEYS = [*keys.KEYS, "oauth", "webhook", "spool"]
NAMES = ["public_url", "host", "port", "secret", "directory", "id", "webhook", "rooms"]
ANY_TEXT = st.text(st.characters(blacklist_categories=()), max_size=20)  # halves of characters too
HUGE = st.none().map(lambda _: 10 ** 5000)  # hypothesis itself cannot write it
SCALARS = (st.none() | st.booleans() | st.integers() | HUGE | st.floats() | st.dates() |
           st.binary(max_size=5) | ANY_TEXT |
           st.sampled_from(["http://[", "https://a:b", "http://h/\ud800", "10.0.0.1/8", "::/0"]))
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(NAMES) | st.integers() | st.none(), inner, max_size=3), max_leaves=6)


class TestWrongValues:
    """Each is named, with what it is and what to do."""

    @pytest.mark.parametrize("key, value, words", [
        ("api_key", None, ["personal access token"]),
        ("api_key", "", ["personal access token"]),
        ("api_key", 12345, ["personal access token"]),
        ("api_key", "two words", ["copy"]),
        ("api_key", "tokén", ["copy"]),
        ("api_url", None, ["https://hipchat.example.com/v2"]),
        ("api_url", "", ["https://hipchat.example.com/v2"]),
        ("api_url", 5, ["5", "https://hipchat.example.com/v2"]),
        ("api_url", "hipchat.example.com", ["'hipchat.example.com'", "absolute"]),
        ("api_url", "ftp://hipchat.example.com", ["'ftp://hipchat.example.com'", "absolute"]),
        ("api_url", "https://", ["absolute"]),
        ("api_url", "https://host:port", ["absolute"]),
        ("api_url", "https://[::1", ["absolute"]),
        ("api_url", "https://hipchat.example.com/v1", ["v1", "/v2"]),
        ("api_url", "https://hipchat.example.com/v2?auth_token=x", ["query"]),
        ("rooms", "Factor", ["'Factor'", "list"]),
        ("rooms", [""], ["rooms[0]", "''"]),
        ("rooms", ["Factor", None], ["rooms[1]"]),
        ("rooms", ["x" * 101], ["rooms[0]", "100"]),
        ("rooms", ["a\nb"], ["rooms[0]", "control"]),
        ("rooms", [10 ** 5000], ["rooms[0]"]),
        ("events", "message", ["'message'", "list"]),
        ("events", ["message", "party"], ["'party'", "topic_change"]),
        ("default_room", ["Factor"], ["['Factor']"]),
        ("verify_tls", "false", ["'false'", "true or false"]),
        ("ca_bundle", True, ["string"]),
        ("timeout", 0, ["is 0:", "above 0, at most 600"]),
        ("timeout", 601, ["601", "600"]),
        ("timeout", "10", ["'10'", "number"]),
        ("timeout", True, ["True", "number"]),
        ("timeout", float("nan"), ["nan"]),
        ("timeout", 10 ** 400, ["number"]),
        ("rate_limit_wait", -1, ["-1", "from 0 to 3600"]),
        ("webhook.public_url", "https://st2.example.com/hip chat", ["'https://st2", "blanks"]),
        ("webhook.public_url", "https://st2.example.com/hipch\u00e4t", ["ASCII"]),
        ("webhook.public_url", "https://st2.example.com/a/../b", [".."]),
        ("webhook.public_url", "https://st2.example.com//b", ["empty part"]),
        ("webhook.allow_from", [10], ["allow_from[0] is 10", "10.1.0.0/16"]),
        ("webhook.allow_from", ["10.0.0.1/8"], ["allow_from[0] is '10.0.0.1/8'"]),
        ("webhook.allow_from", [True], ["allow_from[0] is True: it must be a network"]),
        ("webhook.secret", 5, ["string"]),
        ("webhook.secret", "s", ["at least 16 characters"]),
        ("webhook.tls_certificate", "cert.pem", ["absolute"]),
        ("spool.directory", "spool", ["'spool'", "absolute"]),
        ("spool.directory", "/a\0b", ["control"]),
        ("ca_bundle", "ca.pem", ["absolute"]),
        ("oauth", "x", ["must be an object"]),
        ("spool", [], ["must be an object"]),
        ("webhook.public_url", "", ["https://st2.example.com:8088/hipchat"]),
        ("catch_up", -1, ["-1", "0 to 604800"]),
        ("calls_share", 0, ["0", "0.01 to 1"]),
        ("webhook.port", 0, ["0", "65535"]),
        ("webhook.port", 65536, ["65536", "65535"]),
        ("webhook.port", 80.5, ["80.5", "whole number"]),
        ("webhook.host", 127, ["string"]),
        ("spool.max_deliveries", 0, ["0", "whole number"]),
    ])
    def test_are_named_with_the_remedy(self, key, value, words):
        text = refusal(changed_in(LEAST, key, value))
        line, = [line for line in text.splitlines() if line.strip().startswith(key)]
        for word in words:
            assert word in line

    def test_are_all_named_together(self):
        text = refusal({"rooms": "Factor", "timeout": 0, "events": ["party"]})
        for key in ("api_key", "api_url", "rooms", "timeout", "events"):
            assert "\n  " + key in text

    @pytest.mark.parametrize("config", [None, {}, {"webhook": None}, {"webhook": "x"},
                                        {"webhook": []}])
    def test_may_be_all_of_them(self, config):
        assert "api_key" in refusal(config)

    @pytest.mark.parametrize("config", [
        {"api_key": "secret words"}, {"api_key": ["secret"]},
        {"api_url": "https://ann:secret@hipchat.example.com"},
        {"api_url": "hipchat://ann:secret@hipchat.example.com"},
        {"webhook": {"public_url": "https://x", "secret": ["secret"]}}])
    def test_that_are_secret_are_not_shown(self, config):
        text = refusal(dict(LEAST, **config))
        assert not any(shown in text for shown in ("secret w", "'secret", ":secret@"))

    @given(st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4), st.data())
    def test_whatever_they_are_raise_nothing_but_config_errors_that_name_them(self, changes, data):
        config = LEAST
        for key, value in changes.items():
            config = changed_in(config, key, value)
        for kind in (SensorSettings, ApiSettings):
            try:
                kind.from_config(config)
            except ConfigError as error:
                sections = {key.partition(".")[0] for key in changes}
                assert all(problem.startswith(tuple(sections)) for problem in error.problems)

    @given(ANYTHING)
    def test_may_stand_in_place_of_the_config(self, config):
        if not isinstance(config, dict):
            assert "api_key" in refusal(config)


@pytest.mark.parametrize("key, words", [
    ("room", "'room': there is no such key. Is rooms meant?"),
    ("Rooms", "'Rooms': there is no such key. Is rooms meant?"),
    ("public_url", "'public_url': there is no such key. Is webhook.public_url meant?"),
    ("chat_ops", "'chat_ops': there is no such key. Is chatops meant?"),
    ("nodes", "nodes is no longer a key: a second sensor stands by, and each node has the same "
     "config. Remove it; see docs/high-availability.md."),
    ("only_rooms", "only_rooms is no longer a key: one sensor serves all rooms. Remove it; see "
     "docs/high-availability.md."),
    ("zzz", "'zzz': there is no such key."), (7, "7: there is no such key.")])
def test_a_key_that_does_not_exist_is_warned_of_with_the_nearest(key, words):
    assert SensorSettings.from_config({**LEAST, key: "x"}).warnings == (words,)


@pytest.mark.parametrize("given, key", [
    ("Factor", "Factor"), (1001, "1001"), ("1001", "1001"), (" Factor ", "Factor"),
    ("ä" * 100, "ä" * 100)])
def test_a_room_key_is_a_name_or_an_id_as_text(given, key):
    assert room_key(given) == key


@pytest.mark.parametrize("given", ["", " ", None, True, 1.5, [], {}, "x" * 101, "a\tb", "a\0b",
                                   "\ud800"])
def test_anything_else_is_no_room_key(given):
    with pytest.raises(ValueError):
        room_key(given)
