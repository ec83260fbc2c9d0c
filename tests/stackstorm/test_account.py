"""The sensor's account in StackStorm: a service token that is renewed before it ends."""
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.triggers import Triggers


@pytest.fixture
def account(load, monkeypatch):
    """The module, in a StackStorm with authentication; `now` moves its clock, `made` has tokens."""
    module = load("account", Triggers(lambda *_: None), Broker())
    module.now, module.made = datetime(2026, 5, 4, tzinfo=timezone.utc), []

    def create_token(username, ttl, service):
        module.made.append((username, service))
        return SimpleNamespace(token=f"token{len(module.made)}",
                               expiry=module.now + timedelta(seconds=ttl))

    monkeypatch.setattr(module, "create_token", create_token)
    monkeypatch.setattr(module, "get_datetime_utc_now", lambda: module.now)
    monkeypatch.setattr(module.cfg.CONF.auth, "enable", True)
    return module


def test_a_token_is_made_when_it_is_needed_and_renewed_before_its_end(account):
    headers = account.platform().headers
    assert account.made == []
    assert [headers() for _ in range(3)] == 3 * [{"X-Auth-Token": "token1"}]
    account.now += timedelta(hours=23, minutes=54)
    assert headers() == {"X-Auth-Token": "token1"}
    account.now += timedelta(minutes=2)
    assert headers() == {"X-Auth-Token": "token2"}
    assert account.made == 2 * [("stanley", True)]


def test_without_authentication_none_is_made(account, monkeypatch):
    monkeypatch.setattr(account.cfg.CONF.auth, "enable", False)
    assert account.platform().headers() == {} and account.made == []
    assert not account.platform().has_authentication


@pytest.mark.parametrize("host, found", [
    ("0.0.0.0", "127.0.0.1"), ("st2stream.example.com", "st2stream.example.com")])
def test_the_stream_is_where_st2stream_listens(account, monkeypatch, host, found):
    monkeypatch.setattr(account.cfg.CONF, "stream", SimpleNamespace(host=host, port=9102))
    assert account.platform().stream_url == f"http://{found}:9102/v1/stream"
