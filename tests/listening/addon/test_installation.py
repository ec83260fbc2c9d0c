"""News of an installation, which anybody can send: what is believed, and what is refused."""
import json
import logging
import os
from unittest import mock
from urllib.parse import urlsplit

import eventlet
import pytest
import urllib3.connection
from hypothesis import given, settings
from hypothesis import strategies as st
from support.addon import installed_addon
from support.servers import Hipchat
from support.waiting import wait_until

from hipchat.config.addon import SCOPES, Addon
from hipchat.config.sensor_settings import SensorSettings
from listening.addon.claim import Claim, is_capabilities_of
from listening.addon.installation import Installation
from listening.addon.verification import InstallationRefused
from listening.operations.health import Health

ID, SECRET = "11111111-2222-4333-8444-555555555555", "an-oauth-secret-" * 3
API = "https://hipchat.example.com/v2"
EXAMPLES = int(os.environ.get("EXAMPLES", 150))  # 10,000 were run by hand

HERE = API + "/capabilities"
OTHER_HIPCHATS = [origin + "/v2/capabilities" for origin in (
    "https://hipchat.example.org", "http://hipchat.example.com", "https://hipchat.example.com:8443",
    "https://hipchat.example.com:0", "https://hipchat.example.com:99999",
    "https://hipchat.example.com.evil.example", "https://evil.example/https://hipchat.example.com",
    "https://user@hipchat.example.com", "https://hipchat.example.com@evil.example",
    "https://@hipchat.example.com", "https://:@hipchat.example.com",
    "https://evil.example\\@hipchat.example.com", "https:hipchat.example.com",
    "//hipchat.example.com", "hipchat.example.com", "https://hipchat.example.com.",
    "https://hipchat%2eexample.com", "https://[::ffff:7f00:1]", "https://[hipchat.example.com]",
    "file://", "gopher://hipchat.example.com")]
OTHER_HIPCHATS += [HERE + end for end in ("?to=evil", "?", "#x", "#", "/", ";x")]
OTHER_HIPCHATS += [HERE.replace("/v2/", part) for part in ("//v2/", "/v2/../v2/", "/V2/", "/v2%2f")]
OTHER_HIPCHATS += [HERE.replace("/", "\\"), "https://", "x"]
SAME_HIPCHAT = [HERE, "https://HipChat.Example.COM/v2/capabilities",
                "HTTPS://hipchat.example.com:443/v2/capabilities"]


@pytest.mark.parametrize("url", OTHER_HIPCHATS)
def test_another_hipchat_is_known_by_its_url(url):
    assert not is_capabilities_of(url, API)


@pytest.mark.parametrize("url", SAME_HIPCHAT)
def test_the_configured_hipchat_is_known_by_its_url(url):
    assert is_capabilities_of(url, API)


@pytest.mark.parametrize("host", [
    "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]", "localhost"])
def test_an_address_in_another_notation_is_another(host):
    assert not is_capabilities_of(f"http://{host}/v2/capabilities", "http://127.0.0.1/v2")


@pytest.mark.parametrize("wrong", [
    b"", b"[]", b"null", b"5", b"{", b"\xff", b"[" * 100000, b"{}" + b" " * 20000,
    {"oauthId": None}, {"oauthId": ""}, {"oauthId": 5}, {"oauthId": ["x"]}, {"oauthId": "x" * 201},
    {"oauthId": "a b"}, {"oauthId": "a\nb"}, {"oauthId": "a:b"}, {"oauthId": "\xe4"},
    {"oauthSecret": ""}, {"oauthSecret": {}}, {"oauthSecret": "x\r\ny"}, {"capabilitiesUrl": None},
    {"capabilitiesUrl": "https://hipchat.example.com/v2/\ncapabilities"}, {"groupId": "one"},
    {"groupId": 1.5}, {"groupId": True}, {"groupId": []}, {"groupId": "9" * 30}, {"roomId": 42},
    {"roomId": "42"}, {"roomId": 0}])
def test_a_body_that_is_wrong_is_refused_with_words(wrong):
    with pytest.raises(ValueError) as caught:
        Claim.read(wrong if isinstance(wrong, bytes) else json.dumps(news(**wrong)).encode())
    assert str(caught.value).startswith("the ")


def test_a_body_that_is_too_long_is_called_so():
    with pytest.raises(ValueError, match="^the body has more than 16384 bytes$"):
        Claim.read(json.dumps(news(more="x" * 20000)).encode())


def test_room_id_null_and_a_group_id_as_text_are_fine():
    claim = Claim.read(json.dumps(news(roomId=None, groupId="7")).encode())
    assert (claim.group, claim.secret) == (7, SECRET)


def news(**more):
    """What HipChat posts, with changes."""
    return dict({"oauthId": ID, "oauthSecret": SECRET, "groupId": 1,
                 "capabilitiesUrl": API + "/capabilities"}, **more)


TEXTS = st.one_of(st.text(max_size=40), st.integers(), st.none(), st.lists(st.text(), max_size=2),
                  st.just("x" * 201))
MADE_UP = st.one_of(
    st.binary(max_size=300),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(
        inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)).map(
            lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries({}, optional={
        "oauthId": st.just(ID) | st.uuids().map(str) | TEXTS, "oauthSecret": TEXTS,
        "capabilitiesUrl": st.sampled_from(SAME_HIPCHAT[:1] * 20 + OTHER_HIPCHATS) | TEXTS,
        "groupId": st.just(1) | TEXTS, "roomId": st.none() | TEXTS}).map(
            lambda value: json.dumps(value).encode()))


@pytest.fixture(scope="module")
def hipchat():
    """A HipChat that knows one OAuth client, as if it had installed an add-on."""
    with Hipchat("--oauth", f"{ID}:{SECRET}") as server:
        yield server


class PlayedAddon:
    """An add-on that waits to be installed, in this process; text: what its datastore keeps."""

    def __init__(self, hipchat, **addon):
        self.text, self.api, log = None, hipchat.url, logging.getLogger("addon")
        config = {"api_url": hipchat.url, "webhook": {"public_url": "http://st2.example.com"},
                  "addon": dict({"enabled": True, "credentials": None}, **addon)}
        self.installation = Installation(
            SensorSettings.from_config(config), lambda: self.text, self.save, lambda: None,
            Health(log), log)
        self.installation._begin()
        self.client = self.installation._verifier._client

    def save(self, text):
        self.text = text

    def install(self, **more):
        """The status with which a callback is answered."""
        body = news(**dict({"capabilitiesUrl": self.api + "/capabilities"}, **more))
        try:
            self.installation.install(Claim.read(json.dumps(body).encode()))
        except InstallationRefused as refused:
            return 503 if refused.try_again else 403
        return 200

    @property
    def kept(self):
        """The OAuth client and the group that the datastore keeps."""
        stored = Addon.read(self.text)
        return stored.integration, stored.group


@pytest.fixture
def addon(hipchat):
    return PlayedAddon(hipchat)


class TestCallback:
    def test_that_hipchat_vouches_for_is_kept(self, addon):
        assert addon.install() == 200
        assert addon.kept == ((ID, SECRET), 1)

    @pytest.mark.parametrize("wrong", [
        {"oauthSecret": "one-that-is-wrong"}, {"oauthId": "another"}, {"groupId": 2}])
    def test_that_is_wrong_changes_nothing(self, addon, wrong):
        for credentials in (None, (ID, SECRET)):
            before = addon.text
            assert addon.install(**wrong) == 403
            assert addon.text == before and addon.installation.credentials == credentials
            addon.install()

    def test_for_another_group_than_the_configs_is_refused(self, hipchat):
        addon = PlayedAddon(hipchat, group=7)
        assert addon.install() == 403
        assert addon.kept == (None, None)

    def test_of_an_update_keeps_the_secret(self, addon):
        assert addon.install(oauthSecret=None) == 403
        addon.install()
        assert addon.install(oauthSecret=None, groupId=None) == 200
        assert addon.install(oauthSecret=None, oauthId="x") == 403
        assert addon.kept == ((ID, SECRET), 1)

    def test_that_was_removed_after_a_delivery_was_signed_does_not_count_as_delivering(
            self, addon):
        addon.install()
        installation = addon.installation
        installation.note_delivery()
        assert installation.is_delivering
        installation._forget()
        installation.note_delivery()
        assert not installation.is_delivering

    @pytest.mark.parametrize("wrong", [
        {"client": {"id": ID, "room": {"id": 1001}}}, {"client": {"id": "another", "room": None}},
        {"client": None}, {"scopes": []}, {"scopes": None}, {"scopes": list(SCOPES[1:])},
        {"scopes": " ".join(SCOPES)}])
    def test_with_a_token_for_less_than_the_whole_group_is_refused(
            self, addon, monkeypatch, wrong):
        """Any OAuth client of the group has a token, also another add-on's for a single room."""
        info = {"client": {"id": ID, "room": None}, "scopes": list(SCOPES)}
        for credentials in (None, (ID, SECRET)):
            monkeypatch.setattr(addon.client, "token_info", lambda: dict(info, **wrong))
            before = addon.text
            assert addon.install() == 403
            assert addon.text == before and addon.installation.credentials == credentials
            monkeypatch.setattr(addon.client, "token_info", lambda: info)
            assert addon.install() == 200
        assert addon.kept == ((ID, SECRET), 1)

    def test_asks_for_a_token_with_our_scopes(self, addon, monkeypatch):
        fetch = mock.Mock(wraps=addon.client.fetch_token)
        monkeypatch.setattr(addon.client, "fetch_token", fetch)
        assert addon.install() == 200
        fetch.assert_called_once_with(
            {"grant_type": "client_credentials", "scope": " ".join(SCOPES)})

    def test_for_the_same_group_as_text_is_for_the_same(self, addon, monkeypatch):
        fetch = addon.client.fetch_token
        monkeypatch.setattr(addon.client, "fetch_token",
                            lambda form: dict(fetch(form), group_id="1"))
        assert addon.install(groupId="1") == 200
        assert addon.install(groupId=1) == 200
        assert addon.kept == ((ID, SECRET), 1)

    def test_of_an_uninstallation_during_a_check_leads_to_another_check(self, addon, monkeypatch):
        monkeypatch.setattr("listening.timing.ADDON_CHECK_DELAY", 0.0)
        addon.install()
        looks, fetch = [], addon.client.fetch_token

        def look(form):
            looks.append(form)
            if len(looks) == 1:
                addon.installation.uninstalled(ID)
            return fetch(form)

        monkeypatch.setattr(addon.client, "fetch_token", look)
        running = eventlet.spawn(addon.installation.run)
        wait_until(lambda: len(looks) == 2)
        running.kill()

    def test_is_refused_for_now_while_hipchat_cannot_be_asked(self, addon, hipchat):
        hipchat.people.faults({"paths": "/oauth/token$", "status": 500, "times": 1})
        assert addon.install() == 503
        assert addon.kept == (None, None)
        assert addon.install() == 200

    @settings(max_examples=EXAMPLES)
    @given(body=MADE_UP)
    def test_that_is_made_up_reaches_no_other_host_and_is_not_kept(self, hipchat, body):
        place = hipchat.url[:-len("/v2")]
        raw = body.replace(b"https://hipchat.example.com", place.encode())
        addon, reached = PlayedAddon(hipchat), set()
        before = addon.text
        with pytest.MonkeyPatch.context() as patch:
            connect = urllib3.connection.connection.create_connection
            patch.setattr(urllib3.connection.connection, "create_connection",
                          lambda address, *rest, **more: reached.add(address) or
                          connect(address, *rest, **more))
            try:
                addon.installation.install(Claim.read(raw))
            except (InstallationRefused, ValueError):
                pass
        assert addon.text == before and addon.installation.credentials is None
        assert reached <= {("127.0.0.1", urlsplit(place).port)}


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with installed_addon(tmp_path_factory.mktemp("routes")) as process:
        yield process


class TestRoutes:
    """Below {public_url}/addon."""

    @pytest.mark.parametrize("path, method", [
        ("", "GET"), ("/", "GET"), ("/descriptor", "GET"), ("/x/descriptor", "GET"),
        ("/{wrong}/descriptor", "GET"), ("/{wrong}/installed", "POST"), ("/{secret}", "GET"),
        ("/{wrong}/updated", "POST"), ("/{wrong}/installed/{id}", "DELETE"), ("/{secret}/", "GET"),
        ("/{secret}/descriptor/x", "GET"), ("/{secret}/x", "GET"),
        ("/{secret}/descriptor//", "GET"),
        ("/room_message", "POST"), ("/room_message/{wrong}", "POST"), ("/%2e%2e/icon.png", "GET"),
        ("/../../../icon.png", "GET"), ("/avatar.png/x", "GET"), ("/all/{secret}", "POST")])
    def test_that_are_none_answer_404(self, process, http, path, method):
        secret = process.url.split("/")[-2]
        url = process.listener + "/addon" + path.format(
            secret=secret, wrong=secret[:-1] + ("A" if secret[-1] != "A" else "B"), id=process.id)
        answer = http.request(method, url, json={}, timeout=60)
        assert (answer.status_code, answer.text) == (404, "There is nothing here.\n")

    @pytest.mark.parametrize("name, method", [
        ("descriptor", "POST"), ("installed", "GET"), ("updated", "DELETE"), ("installed/x", "GET"),
        ("installed", "PUT")])
    def test_answer_405_with_the_allowed_methods(self, process, http, name, method):
        answer = http.request(method, process.url.replace("descriptor", name), timeout=60)
        assert answer.status_code == 405 and answer.headers["Allow"]

    @pytest.mark.parametrize("name", ["installed", "updated", "installed/", "updated/"])
    def test_refuse_what_hipchat_does_not_vouch_for(self, process, http, name):
        before = process.kept()
        answer = http.post(process.url.replace("descriptor", name), timeout=20, json=news(
            capabilitiesUrl=process.hipchat.url + "/capabilities"))
        assert (answer.status_code, answer.text) == (
            403, "The installation is refused: HipChat gives no token for it.\n")
        assert process.kept() == before and process.is_installed()

    def test_say_that_they_are_of_another_hipchat(self, process, http):
        answer = http.post(process.url.replace("descriptor", "installed"), json=news(), timeout=60)
        assert answer.status_code == 403 and "api_url" in answer.text
        assert process.is_installed()

    def test_take_news_of_the_living_with_a_slash_at_the_end(self, process, http):
        update = {"oauthId": process.id, "capabilitiesUrl": process.hipchat.url + "/capabilities"}
        for name in ("updated", "updated/", "installed/"):
            answer = http.post(process.url.replace("descriptor", name), json=update, timeout=60)
            assert (answer.status_code, answer.content) == (200, b"")

    def test_do_not_believe_that_a_living_installation_is_gone(self, process, http):
        process.hipchat.people.forget()
        gone = process.url.replace("descriptor", "installed/") + process.id
        for url in (gone, gone + "/"):
            assert http.delete(url, timeout=60).status_code == 204
        wait_until(lambda: "/v2/oauth/token" in [
            call["path"] for call in process.hipchat.people.requests()])
        assert process.is_installed() and process.id in process.kept()
