"""Calls to HipChat over a real socket, and every way in which they can go wrong."""
import json
import re
import socket
import subprocess
import time
from unittest import mock

import pytest
import requests
from support.answering import TOKEN, AnsweringServer, answer, client_of, late, reset
from support.waiting import wait_until
from support.wire import make_certificate

from hipchat import errors
from hipchat.api.rate_limit import CallBudget


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No proxy of the machine's, and no long pauses."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("hipchat.timing.RATE_DELAY_MIN", 0.01)


@pytest.fixture
def client(server):
    return client_of(server.url)


def error_body(code, message, **more):
    """A body as HipChat's errors have it."""
    return {"error": dict({"code": code, "type": "T", "message": message}, **more)}


def failure(client, kind, method="POST", path=("room", "Factor", "notification")):
    """The error of a call, which never holds the token."""
    with pytest.raises(kind) as caught:
        client.call(method, *path)
    error = caught.value
    assert TOKEN not in str(error) + repr(error) + json.dumps(error.as_result())
    # What a log would show of it with its traceback.
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert cause is None
    return error


class TestCall:
    """The request and the response."""

    def test_sends_json_with_the_token_in_the_authorization_header_only(self, server, client):
        client.call("POST", "room", "Factor", "notification", json={"message": "hi ☃"},
                    params={"a": "b c"})
        request, = server.requests
        assert (request.method, request.path) == (
            "POST", "/v2/room/Factor/notification?a=b+c")
        assert request.headers["Authorization"] == "Bearer " + TOKEN
        assert request.headers["Content-Type"] == "application/json"
        assert json.loads(request.body.decode()) == {"message": "hi ☃"}
        assert TOKEN not in request.path + request.body.decode()
        assert [name for name in request.headers if TOKEN in request.headers[name]] == [
            "Authorization"]

    def test_leaves_none_out_and_keeps_what_is_merely_empty(self, server, client):
        client.call("POST", "x", json={"a": None, "b": "", "c": False, "d": 0, "e": []})
        assert json.loads(server.requests[0].body.decode()) == {
            "b": "", "c": False, "d": 0, "e": []}

    @pytest.mark.parametrize("status, body, result", [
        (200, {"id": 1}, {"id": 1}), (201, {"id": 2}, {"id": 2}), (204, b"", None),
        (200, b"", None), (200, [], [])])
    def test_returns_the_json_of_the_answer_or_none(self, server, client, status, body, result):
        server.answers = [answer(status, body)]
        assert client.call("GET", "x") == result

    @pytest.mark.parametrize("name, encoded", [
        ("Factor", "Factor"), ("Ops & Dev", "Ops%20%26%20Dev"), ("50%", "50%25"), ("%2F", "%252F"),
        ("../../admin", "..%2F..%2Fadmin"), ("a?b#c", "a%3Fb%23c"), ("ä☃", "%C3%A4%E2%98%83"),
        ("a+b;c", "a%2Bb%3Bc"), ("ann@example.com", "ann%40example.com"), (1001, "1001")])
    def test_percent_encodes_each_segment_of_the_path(self, server, client, name, encoded):
        client.call("GET", "room", name, "webhook")
        assert server.requests[0].path == f"/v2/room/{encoded}/webhook"

    @pytest.mark.parametrize("name", ["", ".", ".."])
    def test_refuses_a_segment_that_would_name_another_resource(self, server, client, name):
        assert repr(name) in str(failure(client, errors.ParameterError, path=("room", name)))
        assert server.requests == []


class TestRefused:
    """HipChat's errors, by their status."""

    @pytest.mark.parametrize("status, kind, remedy", [
        (400, errors.InvalidRequest, ["field"]),
        (401, errors.InvalidToken, ["api_key", "personal access token", "Group API (v1) key"]),
        (403, errors.Forbidden, ["scope", "admin"]),
        (404, errors.NotFound, ["name or id"]),
        (409, errors.Conflict, ["another name", "list_rooms"]),
        (500, errors.ServerError, ["later"]),
        (503, errors.ServerError, ["later"]),
    ])
    def test_are_an_error_with_status_words_field_and_remedy(
            self, server, client, status, kind, remedy):
        server.answers = [answer(status, error_body(status, "Its own words", field="color"))]
        error = failure(client, kind)
        assert (error.status, error.field) == (status, "color")
        result = error.as_result()
        assert (result["status"], result["field"]) == (status, "color")
        for words in ["Its own words", str(status), "'color'", "room/Factor/notification"]:
            assert words in result["error"]
        for words in remedy:
            assert words in result["remedy"] and words in result["error"]
        assert len(server.requests) == 1

    @pytest.mark.parametrize("body", [
        b"<html><body>Proxy trouble</body></html>", b"", b"{}", b'{"error": null}', b"[]",
        b'{"error": {"code": 502}}', b"\xff\xfe", b'{"error": "text"}'])
    def test_may_have_a_body_that_is_not_hipchats(self, server, client, body):
        server.answers = [answer(507, body, reason="Gateway Trouble")]
        error = failure(client, errors.ServerError)
        assert "Gateway Trouble" in str(error) and "<html>" not in str(error)

    def test_may_have_words_that_fill_a_page(self, server, client):
        server.answers = [answer(400, error_body(400, "long " * 1000))]
        assert len(str(failure(client, errors.InvalidRequest))) < 1000


class TestRedirected:
    """A redirection could lead the token anywhere."""

    @pytest.mark.parametrize("status, method", [
        (301, "GET"), (302, "POST"), (303, "PUT"), (307, "DELETE"), (308, "GET")])
    def test_is_an_error_and_not_followed(self, server, client, status, method):
        with AnsweringServer() as target:
            server.answers = [answer(status, headers={"Location": target.url + "/elsewhere"})]
            text = str(failure(client, errors.NoAnswer, method))
        assert target.requests == []
        assert "127.0.0.1" in text and "/v2/elsewhere" in text and "api_url" in text

    @pytest.mark.parametrize("status, location", [
        (304, None), (300, "http://x/"), (302, ""), (302, None), (302, "/v2/other"),
        (301, "http://[::1"), (300, "http://[::1"), (301, "http://\x80:9x/")])
    def test_in_whatever_way_is_no_answer(self, server, client, status, location):
        headers = {} if location is None else {"Location": location}
        server.answers = [answer(status, headers=headers)]
        assert "api_url" in str(failure(client, errors.NoAnswer, "GET"))
        assert len(server.requests) == 1


class TestNoAnswer:
    """No HipChat, or none that answers."""

    @pytest.mark.parametrize("body", [b"<html>Log in</html>", b"ok", b"\xff", b'{"id": 1'])
    def test_but_something_else(self, server, client, body):
        server.answers = [answer(200, body)]
        text = str(failure(client, errors.NoAnswer))
        assert "JSON" in text and server.url in text and "api_url" in text
        assert "Log in" not in text

    def test_is_not_asked_for_again_after_the_timeout(self, server):
        server.answers = [late(0.3), answer(204)]
        failure(client_of(server.url, timeout=0.1), errors.NoAnswer)
        client_of(server.url).call("GET", "room", "Factor")  # comes after all that was asked for
        wait_until(lambda: len(server.requests) > 1)
        assert [request.method for request in server.requests].count("POST") == 1

    def test_because_the_name_is_unknown(self):
        text = str(failure(client_of("http://hipchat.invalid"), errors.NoAnswer))
        assert "hipchat.invalid" in text and "api_url" in text

    @pytest.mark.parametrize("end", [
        reset, lambda connection: None, lambda connection: connection.sendall(b"SSH-2.0-x\r\n")],
        ids=["reset", "closed", "no HTTP"])
    def test_because_the_connection_ends(self, server, client, end):
        server.answers = [end]
        text = str(failure(client, errors.NoAnswer))
        assert server.address in text and "no connection" in text
        assert len(server.requests) == 1, "a POST may have taken effect"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(certificate):
    with AnsweringServer(certificate) as server:
        yield server


class TestTls:
    """HipChat behind TLS."""

    def test_that_is_not_trusted_does_not_get_the_token(self, secure):
        del secure.requests[:]
        text = str(failure(client_of(secure.url), errors.NoAnswer))
        assert secure.address in text and "not trusted" in text and "ca_bundle" in text
        assert secure.requests == []

    def test_is_trusted_whatever_it_is_without_verify_tls(self, secure, recwarn):
        assert client_of(secure.url, verify_tls=False).call("GET", "x") is None
        assert not [each for each in recwarn if "Insecure" in each.category.__name__]

    def test_is_not_overruled_by_the_environment(self, secure, certificate, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        assert client_of(secure.url, ca_bundle=certificate[0]).call("GET", "x") is None
        assert client_of(secure.url, verify_tls=False).call("GET", "x") is None

    @pytest.mark.parametrize("bundle", ["/nowhere/ca.pem", __file__])
    def test_with_a_ca_bundle_that_is_none_says_so(self, secure, bundle):
        assert "ca_bundle" in str(failure(client_of(secure.url, ca_bundle=bundle),
                                          errors.HipChatError))

    @pytest.mark.parametrize("hosts, days, words", [
        ("DNS:other.example.com", 2, ["is for another name", "subjectAltName", "Set api_url"]),
        ("", 2, ["is for another name", "a common name does not count"]),
        ("IP:127.0.0.1", -1, ["has expired", "Renew it", "clock"])],
        ids=["name", "no SAN", "expired"])
    def test_that_is_wrong_is_explained_even_with_a_bundle(self, tmp_path, hosts, days, words):
        files = make_certificate(tmp_path, hosts=hosts)
        subprocess.run(["openssl", "x509", "-in", files[0], "-signkey", files[1], "-days",
                        str(days), "-out", files[0]], check=True, stderr=subprocess.DEVNULL)
        server = AnsweringServer(files)
        text = str(failure(client_of(server.url, ca_bundle=files[0]), errors.NoAnswer))
        server.stop()
        for each in words:
            assert each in text
        assert "Set ca_bundle" not in text and server.requests == []

    def test_by_an_authority_that_is_not_in_the_bundle_names_the_bundle(self, secure, tmp_path):
        other = make_certificate(tmp_path)[0]
        text = str(failure(client_of(secure.url, ca_bundle=other), errors.NoAnswer))
        assert "not trusted" in text and "self" in text and other in text
        assert "Set ca_bundle" not in text

    def test_where_there_is_none_is_said(self, server):
        url = server.url.replace("http:", "https:")
        assert server.address in str(failure(client_of(url), errors.NoAnswer))


class TestEnvironment:
    """What the machine's settings do to a call."""

    def test_a_proxy_is_used(self, server, monkeypatch):
        monkeypatch.setenv("http_proxy", "http://" + server.address)
        client_of("http://hipchat.invalid").call("GET", "x")
        assert server.requests[0].path == "http://hipchat.invalid/v2/x"

    def test_is_searched_for_proxies_once_for_all_calls_to_a_host(self, server, monkeypatch):
        looks = mock.Mock(wraps=requests.sessions.get_environ_proxies)
        monkeypatch.setattr("requests.sessions.get_environ_proxies", looks)
        client = client_of(server.url)
        for _ in range(3):
            client.call("GET", "x")
        assert len(server.requests) == 3 and looks.call_count == 1

    def test_a_proxy_that_is_away_is_named_as_the_reason(self, monkeypatch):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setenv("http_proxy", "http://user:pass@127.0.0.1:{}".format(
                unused.getsockname()[1]))
            text = str(failure(client_of("http://hipchat.invalid"), errors.NoAnswer))
        assert "proxy" in text and "NO_PROXY" in text and "pass@" not in text

    def test_a_netrc_does_not_take_the_tokens_place(self, server, monkeypatch, tmp_path):
        netrc = tmp_path / ".netrc"
        netrc.write_text("default login ann password wrong\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        client_of(server.url).call("GET", "x")
        assert server.requests[0].headers["Authorization"] == "Bearer " + TOKEN


class TestRateLimited:
    """429: HipChat wants us to wait."""

    def limited(self, reset):
        return answer(429, error_body(429, "Rate Limit exceeded"), {
            "X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": reset})

    def test_is_waited_out(self, server, client):
        server.answers = [self.limited("0.2"), self.limited("0.1"), answer(200, {"id": 1})]
        started = time.monotonic()
        assert client.call("POST", "x", json={"a": 1}) == {"id": 1}
        assert time.monotonic() - started >= 0.3
        assert [request.body for request in server.requests] == [b'{"a": 1}'] * 3

    @pytest.mark.parametrize("wait, reset, seconds", [(60, "3000", "3000"), (0, "5", "5"),
                                                      (60, "soon", "300")])
    def test_is_an_error_if_it_takes_longer_than_is_configured(self, server, wait, reset, seconds):
        server.answers = [self.limited(reset)]
        error = failure(client_of(server.url, rate_limit_wait=wait), errors.RateLimited)
        assert error.status == 429 and error.reset_in == float(seconds)
        assert "Rate Limit exceeded" in str(error) and seconds + " s" in error.remedy
        assert len(server.requests) == 1

    @pytest.mark.parametrize("reset_at", [lambda: "0", lambda: str(int(time.time()))],
                             ids=["seconds", "time"])
    def test_is_waited_for_a_second_and_longer_each_time(self, server, monkeypatch, reset_at):
        monkeypatch.setattr("hipchat.timing.RATE_DELAY_MIN", 1.0)
        server.answers = [lambda connection: connection.sendall(
            f"HTTP/1.1 429 X\r\nX-Ratelimit-Reset: {reset_at()}\r\n\r\n".encode())]
        began = time.monotonic()
        failure(client_of(server.url, rate_limit_wait=2.5), errors.RateLimited)
        assert len(server.requests) == 2 and time.monotonic() - began >= 1

    def test_may_be_called_forbidden(self, server, client):
        text = "You have exceeded the rate limit. See the documentation."
        server.answers = [answer(403, error_body(403, text), {"X-Ratelimit-Reset": "600"})]
        error = failure(client, errors.RateLimited)
        assert error.status == 403 and "Try again in 600 s" in error.remedy

    def test_is_avoided_by_a_budget(self, server):
        server.answers = [answer(204, headers={"X-Ratelimit-Limit": "10",
                                               "X-Ratelimit-Remaining": "9",
                                               "X-Ratelimit-Reset": "0.3"})]
        client = client_of(server.url, CallBudget(0.2))
        started = time.monotonic()
        for _ in range(3):
            client.call("GET", "x")
        assert time.monotonic() - started >= 0.3


class TestItems:
    """Collections, page after page."""

    def page(self, *ids, more=False):
        return {"items": [{"id": each} for each in ids], "links": dict(
            {"self": "x"}, **({"next": "http://evil.invalid/"} if more else {}))}

    def ids(self, client, **params):
        return [item["id"] for item in client.items("room", "Factor", "webhook", **params)]

    def test_come_from_all_pages_without_following_links(self, server, client):
        server.answers = [self.page(1, 2, more=True), self.page(3, more=True), self.page(4)]
        assert self.ids(client, expand="items") == [1, 2, 3, 4]
        starts = [re.search(r"start-index=(\d+)", request.path).group(1)
                  for request in server.requests]
        assert starts == ["0", "2", "3"]
        assert all("max-results=1000" in request.path and "expand=items" in request.path
                   for request in server.requests)

    def test_end_at_an_empty_page(self, server, client):
        server.answers = [self.page(1, more=True), self.page(more=True)]
        assert self.ids(client) == [1]
        server.answers = [self.page()]
        assert self.ids(client) == []

    def test_may_overlap(self, server, client):
        server.answers = [self.page(1, 2, more=True), self.page(2, 3)]
        assert self.ids(client) == [1, 2, 2, 3]

    @pytest.mark.parametrize("pages, calls", [
        ([(1, 2)], 2), ([(number,) for number in range(9)], 5)], ids=["repeat", "never repeat"])
    def test_that_have_no_end_are_an_error(self, server, client, monkeypatch, pages, calls):
        monkeypatch.setattr("hipchat.api.client.MOST_PAGES", 5)
        server.answers = [self.page(*ids, more=True) for ids in pages]
        with pytest.raises(errors.NoAnswer, match="endless pages.*start-index"):
            self.ids(client)
        assert len(server.requests) == calls

    @pytest.mark.parametrize("links", [None, [], "x", 5, {"next": None}])
    def test_without_a_next_page_are_one(self, server, client, links):
        server.answers = [dict(self.page(1), links=links)]
        assert self.ids(client) == [1]

    @pytest.mark.parametrize("item", [None, 5, "x", []])
    def test_that_are_no_objects_are_named(self, server, client, item):
        server.answers = [{"items": [{"id": 1}, item]}]
        with pytest.raises(errors.NoAnswer, match=r"items\[1\] of .*/v2/room/.* is no object"):
            self.ids(client)

    @pytest.mark.parametrize("body", [[], {}, {"items": None}, {"items": {}}, b"", b"null"])
    def test_that_are_no_list_are_no_answer_of_hipchats(self, server, client, body):
        server.answers = [answer(200, body)]
        with pytest.raises(errors.NoAnswer, match="has no list of items.*api_url"):
            self.ids(client)
