"""Secrets: in no log, no error, no answer and no payload.

That no process of the whole suite logs one is checked where each is stopped: Stackstorm.stop().
"""
import json
import logging
from urllib.parse import quote

import pytest
import requests
from support.servers import TOKEN, Hipchat, Stackstorm, secrets_in
from support.waiting import wait_until
from support.web_server import HttpServer, Reply

from hipchat.api.client import Client
from hipchat.errors import HipChatError
from hipchat.text.masking import MASK, SecretFilter, mask
from hipchat.config.api_settings import ApiSettings
from hipchat.webhook.webhook_url import Address, WebhookUrl

OAUTH_SECRET = "an-oauth-secret-to-be-masked-everywhere"
SIGNING_SECRET = "a-signing-secret-to-be-masked-everywhere"
ODD_TOKEN = "a+token/with=odd&letters?and%more"
URL = WebhookUrl("https://st2.example.com/hipchat", b"x").make(Address("room_message", 1001))


class Echo(HttpServer):
    """A HipChat that refuses everything, with `status`, and repeats all that it was sent."""

    def __init__(self):
        super().__init__(self._repeat)
        self.status = 400

    def _repeat(self, request):
        words = "\n".join([request.path, str(request.headers), request.body.decode(), URL])
        body = {"error": {"code": 418, "type": URL, "message": words, "field": words}}
        said = request.headers.get("Authorization", "")
        return Reply(status=self.status, body=json.dumps(body).encode(), reason=said,
                     headers={"Location": "/elsewhere/" + said})


@pytest.fixture(scope="module")
def echo():
    with Echo() as server:
        yield server


@pytest.fixture
def everything(caplog, monkeypatch):
    """All that any logger writes from DEBUG on; requests' and urllib3's, too."""
    with caplog.at_level(logging.DEBUG):
        for name in ("urllib3", "requests", "urllib3.connectionpool"):
            caplog.set_level(logging.DEBUG, name)
            # Else those of clients that other tests made would mask, too.
            monkeypatch.setattr(logging.getLogger(name), "filters", [])
        yield caplog


def settings(api_url="https://hipchat", **more):
    config = dict({"api_url": api_url, "api_key": TOKEN, "rate_limit_wait": 0}, **more)
    return ApiSettings.from_config(
        {key: value for key, value in config.items() if value is not None})


class TestMask:
    """What is put in a secret's place."""

    @pytest.mark.parametrize("text, masked", [
        ("Bearer {}.", "Bearer ***."), ("{0} and {0}", "*** and ***"), ("none", "none")])
    def test_takes_the_place_of_each_secret(self, text, masked):
        assert mask(text.format(TOKEN), [TOKEN]) == masked

    def test_takes_the_place_of_a_secret_that_is_encoded_for_a_url(self):
        text = f"GET /v2/oauth/token/{quote(ODD_TOKEN, safe='')}"
        assert mask(text, [ODD_TOKEN]) == "GET /v2/oauth/token/***"

    def test_takes_the_place_of_a_signature_and_leaves_the_rest_of_the_url(self):
        assert mask(f"to {URL}, twice", []) == (
            "to https://st2.example.com/hipchat/room_message/1001/***, twice")

    @pytest.mark.parametrize("text", [
        "/v2/room/Factor/webhook", "a" * 43, "/" + "a" * 42, "/" + "a" * 44, ""])
    def test_takes_the_place_of_nothing_else(self, text):
        assert mask(text, [None, ""]) == text

    def test_is_in_a_log_whatever_way_the_secret_came_there(self, caplog):
        logger = logging.getLogger("guard")
        logger.addFilter(SecretFilter(lambda: [TOKEN]))
        logger.warning("%s", TOKEN)
        logger.warning(TOKEN)
        logger.warning("%r", {"a": [TOKEN, URL]})
        assert MASK in caplog.text and not secrets_in(caplog.text, {
            "api_key": TOKEN, "webhook": {}})


class TestErrors:
    """A HipChat that repeats what it was sent."""

    @pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 429, 500])
    @pytest.mark.parametrize("kind", ["token", "odd token", "integration"])
    def test_hold_no_secret(self, echo, everything, status, kind):
        echo.status = status
        config = {"token": {}, "odd token": {"api_key": ODD_TOKEN}, "integration": {
            "api_key": None, "oauth": {"id": "our-id", "secret": OAUTH_SECRET}}}[kind]
        with pytest.raises(HipChatError) as caught:
            Client(settings(echo.url, **config)).call(
                "POST", "room", ODD_TOKEN, "webhook", json={"url": URL})
        shown = "{} {!r} {} {}".format(
            caught.value, caught.value, json.dumps(caught.value.as_result()), everything.text)
        for secret in (TOKEN, OAUTH_SECRET) + ((ODD_TOKEN,) if kind == "odd token" else ()):
            assert secret not in shown
            assert quote(secret, safe="") not in shown
        assert not secrets_in(shown, {"webhook": {}})

    def test_are_cut_only_after_they_are_masked(self, echo):
        echo.status = 400
        for padding in range(340, 500, 7):
            with pytest.raises(HipChatError) as caught:
                Client(settings(echo.url)).call("GET", "room", "x" * padding)
            assert TOKEN[:8] not in str(caught.value)


class TestUrllib3:
    """The libraries' own logs."""

    def test_at_debug_show_calls_without_the_token(self, hipchat, everything):
        client = Client(settings(hipchat.url))
        client.token_info()  # whose URL holds the token
        assert "/oauth/token/***" in everything.text
        assert TOKEN not in everything.text

    def test_at_debug_show_no_secret_of_an_integration(self, start_hipchat, everything):
        hipchat = start_hipchat("--oauth", "our-id:" + OAUTH_SECRET)
        client = Client(settings(hipchat.url, api_key=None,
                                 oauth={"id": "our-id", "secret": OAUTH_SECRET}))
        client.call("GET", "room")
        assert "/oauth/token" in everything.text
        for secret in client._token.secrets:
            assert secret not in everything.text

    def test_at_debug_show_nothing_where_hipchat_is_away(self, everything):
        with pytest.raises(HipChatError) as caught:
            Client(settings("http://127.0.0.1:9")).call("GET", "oauth", "token", TOKEN)
        assert TOKEN not in everything.text + str(caught.value)


class TestConfig:
    """A config that is wrong."""

    @pytest.mark.parametrize("config", [
        {"api_key": TOKEN + " "}, {"api_key": [TOKEN]}, {"api_key": {"a": TOKEN}},
        {"api_key": TOKEN, "oauth": {"id": "x", "secret": OAUTH_SECRET}},
        {"api_key": None, "oauth": {"id": "", "secret": OAUTH_SECRET}},
        {"api_key": None, "oauth": {"id": "x", "secret": OAUTH_SECRET + "\u20ac"}},
        {"api_key": None, "oauth": {"id": "x", "secret": [OAUTH_SECRET]}},
        {"api_key": None, "oauth": [OAUTH_SECRET]}, {"api_key": None, "oauth": OAUTH_SECRET},
        {"api_url": "https://me:" + OAUTH_SECRET + "@hipchat"},
        {"api_url": "https://me:" + OAUTH_SECRET + "@"},
        {"api_url": "me:" + OAUTH_SECRET + "@hipchat"}])
    def test_is_named_without_its_secrets(self, config):
        with pytest.raises(HipChatError) as caught:
            settings(**config)
        assert TOKEN not in str(caught.value) and OAUTH_SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", ["personal token", "integration"])
def test_are_nowhere_in_what_a_sensor_shows_at_debug(tmp_path, kind):
    config = {} if kind == "personal token" else {
        "api_key": None, "oauth": {"id": "our-id", "secret": OAUTH_SECRET}}
    with Hipchat("--oauth", "our-id:" + OAUTH_SECRET) as hipchat, Stackstorm(
            tmp_path, hipchat, options=("--log-level", "DEBUG"),
            webhook={"secret": SIGNING_SECRET}, **config) as stackstorm:
        room = hipchat.make_room()
        trigger = stackstorm.listen("message", room)
        url, = [hook["url"] for hook in stackstorm.webhooks(room)]
        hipchat.people.say(room, "Ann", "hello")
        stackstorm.received(trigger)
        words = " ".join([url, TOKEN if kind == "personal token" else OAUTH_SECRET])
        hipchat.people.faults({"paths": "/webhook", "status": 500, "times": 1, "body": {
            "error": {"code": 500, "type": "x", "message": words}}})
        stackstorm.add_rule("enter", {"room": room})
        stackstorm.add_rule("exit", {"room": words.partition(" ")[2]})
        wait_until(lambda: "a room's events cannot be received" in stackstorm.log())
        stackstorm.run_action("hipchat.check")
        stackstorm.run_action("hipchat.send", room=room, message="hi")
        requests.post(url + "?signed_request=x.y.z", data=b"{", timeout=60)
        wait_until(lambda: "Webhook created: room_enter" in stackstorm.log())
        assert MASK in stackstorm.log()
        shown = stackstorm.log() + json.dumps([
            stackstorm.health(), stackstorm.payloads(), stackstorm.api("GET", "/v1/executions")])
        assert not secrets_in(shown, stackstorm.config)
