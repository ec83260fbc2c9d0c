"""An integration's deliveries: signed by HipChat with a JWT, or refused."""
import base64
import functools
import hashlib
import hmac
import json
import time
from urllib.parse import quote

import jwt
import pytest
from support.servers import TOKEN, Hipchat, Stackstorm
from support.waiting import wait_until
from support.wire import delivery

from hipchat.api.client import Client
from hipchat.errors import InvalidToken
from hipchat.config.api_settings import ApiSettings
from listening.http.jwt_check import is_signed
from listening.timing import JWT_LEEWAY

ID = "6f0c1d7e-our-integration"
SECRET = 4 * "an-oauth-secret-"


def claims(**more):
    """The claims that HipChat makes; None leaves one out."""
    now = int(time.time())
    found = dict({"iss": ID, "sub": "12", "iat": now, "exp": now + 3600, "jti": "x" * 20,
                  "context": {"room_id": 1, "user_tz": "UTC"}}, **more)
    return {key: value for key, value in found.items() if value is not None}


def encode(key=SECRET, algorithm="HS256", **more):
    return jwt.encode(claims(**more), key, algorithm=algorithm)


def handmade(payload=None, header=None, secret=SECRET):
    """A token of any payload and header, signed by HS256."""
    signed = b".".join(base64.urlsafe_b64encode(
        part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=")
        for part in (header or {"alg": "HS256"}, payload or claims()))
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def spliced(*tokens):
    """A token of the header of one token, the claims of the next, and the signature of the last."""
    return ".".join(token.split(".")[place] for place, token in enumerate(tokens))


def from_now(seconds):
    return int(time.time()) + seconds


GOOD = {
    "HipChat's": encode,
    "sub as a number": lambda: handmade(claims(sub=12)),
    "prn in place of sub": lambda: encode(sub=None, prn="12"),
    "iat in milliseconds": lambda: encode(iat=1000 * from_now(0)),
    "ended a moment ago": lambda: encode(exp=from_now(20 - JWT_LEEWAY)),
    "exp with a fraction": lambda: encode(exp=time.time() + 0.5),
    "exp in milliseconds": lambda: encode(exp=1000 * from_now(0)),
    "no typ": handmade,
}
BAD = {
    "empty": lambda: "",
    "no JWT": lambda: "abc",
    "dots": lambda: "..",
    "forged": lambda: spliced(encode(), encode(sub="1"), encode()),
    "signature left out": lambda: spliced(encode(), encode(), ".."),
    "other secret": lambda: encode(key="another-secret-of-forty-letters-or-more!"),
    "empty secret": lambda: handmade(secret=""),
    "expired": lambda: encode(exp=from_now(-JWT_LEEWAY - 5)),
    "no exp": lambda: encode(exp=None),
    "exp null": lambda: handmade(dict(claims(), exp=None)),
    "exp infinite": lambda: handmade(b'{"iss": "%s", "exp": 1e999}' % ID.encode()),
    "exp a list": lambda: encode(exp=[]),
    "exp true": lambda: encode(exp=True),
    "exp a text": lambda: handmade(claims(exp=str(from_now(900)))),
    "exp no number": lambda: handmade(claims(exp=float("nan"))),
    "exp huge": lambda: handmade(claims(exp=10 ** 400)),
    "nbf huge": lambda: handmade(claims(nbf=10 ** 400)),
    "nbf null": lambda: handmade(dict(claims(), nbf=None)),
    "not yet valid": lambda: encode(nbf=from_now(600)),
    "other issuer": lambda: encode(iss="another"),
    "no issuer": lambda: encode(iss=None),
    "issuers": lambda: handmade(claims(iss=[ID])),
    "alg none": lambda: encode(key=None, algorithm="none"),
    "alg None": lambda: handmade(header={"alg": "None"}),
    "alg none with a signature": lambda: handmade(header={"alg": "none"}),
    "alg HS512": lambda: encode(algorithm="HS512"),
    "alg HS384": lambda: encode(algorithm="HS384"),
    "alg RS256": lambda: handmade(header={"alg": "RS256"}),
    "alg a list": lambda: handmade(header={"alg": ["HS256"]}),
    "alg missing": lambda: handmade(header={"typ": "JWT"}),
    "header deep": lambda: handmade(header=b'{"alg":' + b"[" * 3000),
    "header a number": lambda: handmade(header=b"5"),
    "payload a list": lambda: handmade(b"[]"),
    "payload deep": lambda: handmade(b"[" * 3000),
    "payload not UTF-8": lambda: handmade(b"\xff"),
    "umlauts": lambda: "\xe4.\xf6.\xfc",
}


@pytest.fixture(scope="module")
def integration(tmp_path_factory):
    """StackStorm with the pack as an integration; url is a webhook of HipChat's."""
    with Hipchat("--oauth", f"{ID}:{SECRET}") as hipchat, Stackstorm(
            tmp_path_factory.mktemp("integration"), hipchat, api_key=None,
            oauth={"id": ID, "secret": SECRET}) as process:
        process.hipchat, process.room = hipchat, hipchat.make_room()
        process.listen("message", process.room)
        process.url, = [hook["url"] for hook in process.webhooks(process.room)]
        yield process


def by_header(token, kind="JWT "):
    return {"headers": {"Authorization": (kind + token).encode("latin-1", "replace")}}


WAYS = {"header": by_header, "header with token=": lambda token: by_header(token, "JWT token="),
        "query": lambda token: {"params": {"signed_request": token}}}


@pytest.fixture
def post(http):
    """Post a delivery: post(url, **what is not usual) -> the response."""
    return functools.partial(http.post, json=delivery(), timeout=60)


class TestSignedRequest:
    """What is posted to a webhook."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("token", GOOD)
    def test_that_is_good_is_accepted(self, integration, post, token, way):
        assert post(integration.url, **WAYS[way](GOOD[token]())).status_code == 204

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("token", BAD)
    def test_that_is_bad_is_answered_401(self, integration, post, token, way):
        accepted = integration.health()["accepted"]
        answer = post(integration.url, **WAYS[way](BAD[token]()))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "JWT"
        assert answer.text == "A valid JWT is required.\n"
        assert integration.health()["accepted"] == accepted

    @pytest.mark.parametrize("more", [
        {}, {"headers": {"Authorization": "Bearer " + TOKEN}}, {"auth": (ID, SECRET)},
        {"headers": {"Authorization": "JWT"}}, {"params": {"signed_request": ""}},
        {"headers": {"Signed-Request": "x"}}])
    def test_that_carries_none_is_answered_401(self, integration, post, more):
        assert post(integration.url, **more).status_code == 401

    def test_is_not_asked_for_where_the_url_is_not_ours(self, integration, post):
        assert post(integration.url + "x", **by_header(encode())).status_code == 404

    def test_in_the_header_counts_where_there_are_two(self):
        def signed(header, query):
            environ = {"HTTP_AUTHORIZATION": "JWT " + header,
                       "QUERY_STRING": "signed_request=" + quote(query)}
            return is_signed(environ, ID, SECRET, time.time())
        assert signed(encode(), "x") and not signed("x", encode())

    @pytest.mark.parametrize("key", [
        "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n", "ssh-rsa AAAA"])
    def test_may_be_signed_with_nothing_that_looks_like_a_public_key(self, key):
        token = handmade(secret=key)
        assert not is_signed({"HTTP_AUTHORIZATION": "JWT " + token}, ID, key, time.time())

    @pytest.mark.parametrize("off", [86400, -86400])
    def test_begins_and_ends_by_hipchats_clock(self, off):
        now = time.time() + off

        def signed(**more):
            return is_signed({"HTTP_AUTHORIZATION": "JWT " + encode(**more)}, ID, SECRET, now)
        assert signed(exp=now + 5) and signed(exp=now + 5, nbf=now)
        assert not signed(exp=now - JWT_LEEWAY - 5)
        assert not signed(exp=now + 900, nbf=now + JWT_LEEWAY + 60)


class TestIntegration:
    """The pack with oauth in place of api_key."""

    def test_receives_messages_though_our_clock_is_hours_ahead(
            self, integration, start_stackstorm, tmp_path, monkeypatch):
        (tmp_path / "sitecustomize.py").write_text(
            "import time\nreal = time.time\ntime.time = lambda: real() + 10000\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        room = integration.hipchat.make_room()
        stackstorm = start_stackstorm(integration.hipchat, rooms=[room], events=["message"],
                                      api_key=None, oauth={"id": ID, "secret": SECRET})
        wait_until(lambda: stackstorm.webhooks(room))
        integration.hipchat.people.say(room, "Ann", "signed hours ago")
        stackstorm.received("hipchat.message")
        health = stackstorm.health()
        assert health["dropped"] == health["refused"] == {}

    def test_sends(self, integration):
        succeeded, result = integration.run_action("hipchat.send", room=integration.room,
                                                   message="from an integration")
        assert succeeded, result
        assert "from an integration" in [
            each["what"] for each in integration.hipchat.people.transcript(integration.room)]

    def test_takes_the_place_of_a_personal_token_with_webhooks_of_its_own(
            self, integration, start_stackstorm, post):
        room = integration.hipchat.make_room()
        stackstorm = start_stackstorm(integration.hipchat, rooms=[room], events=["message"],
                                      webhook={"secret": "the-same-secret-for-both-of-them"})
        before, = wait_until(lambda: stackstorm.webhooks(room))
        assert before["authentication"] != "jwt"
        stackstorm.stop()
        stackstorm.config.update(api_key=None, oauth={"id": ID, "secret": SECRET})
        stackstorm.start()
        after, = wait_until(lambda: [
            hook for hook in stackstorm.webhooks(room) if hook["authentication"] == "jwt"])
        wait_until(lambda: len(stackstorm.webhooks(room)) == 1)
        assert post(before["url"], **by_header(encode())).status_code == 404
        assert post(after["url"]).status_code == 401
        assert post(after["url"], **by_header(encode())).status_code == 204


class TestToken:
    """The tokens with which an integration calls HipChat."""

    @pytest.fixture
    def hipchat(self, start_hipchat):
        # A token that ends in 62 s is renewed after 2.
        return start_hipchat("--oauth", f"{ID}:{SECRET}", "--oauth-life", "62")

    def client(self, hipchat, secret=SECRET):
        return Client(ApiSettings.from_config({
            "api_url": hipchat.url, "oauth": {"id": ID, "secret": secret}}))

    def fetched(self, hipchat):
        """How many tokens were fetched; no other call may have failed."""
        calls = hipchat.people.requests()
        assert {call["status"] for call in calls} <= {200, 204}
        return len([call for call in calls if call["path"].endswith("/oauth/token")])

    def test_is_fetched_once_for_many_calls_and_renewed_before_it_ends(self, hipchat):
        client = self.client(hipchat)
        for _ in range(3):
            client.call("GET", "room")
        assert self.fetched(hipchat) == 1
        wait_until(lambda: client.call("GET", "room") and self.fetched(hipchat) == 2)

    def test_that_hipchat_no_longer_knows_is_replaced_immediately(self, hipchat):
        client = self.client(hipchat)
        client.call("GET", "room")
        token = client._token.secrets[-1]
        assert hipchat.api("DELETE", "/oauth/token/" + token).status_code == 204
        hipchat.people.forget()
        assert client.call("GET", "room")["items"] == []
        paths = [call["path"] for call in hipchat.people.requests()]
        assert [path[-len("/oauth/token"):] for path in paths].count("/oauth/token") == 1

    def test_is_refused_with_a_remedy_where_the_secret_is_wrong(self, hipchat):
        with pytest.raises(InvalidToken) as caught:
            self.client(hipchat, "a-secret-that-is-not-the-integrations").call("GET", "room")
        assert "oauth.secret" in str(caught.value)
        assert "a-secret-that" not in str(caught.value) and "api_key" not in str(caught.value)
        tries = [call for call in hipchat.people.requests() if call["status"] == 401]
        assert len(tries) == 1
