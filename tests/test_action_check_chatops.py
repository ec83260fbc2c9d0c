"""hipchat.check: its findings about ChatOps."""
from unittest import mock

import pytest
from support.chat import Chat
from support.played_stackstorm import PlayedStackStorm

from chatops.stackstorm import StackStorm
from hipchat.errors import NoAnswer


@pytest.fixture
def config(hipchat, stackstorm):
    return dict(stackstorm.config, chatops=Chat(hipchat, stackstorm.room).config())


@pytest.fixture
def lines(act, config, stackstorm, monkeypatch):
    """The lines of a check about ChatOps: lines() -> [...]."""
    monkeypatch.setenv("ST2_ACTION_API_URL", stackstorm._url + "/v1")
    return lambda: [line for line in act("check", config=config)[1]["lines"] if "chatops" in line]


def test_says_nothing_without_chatops(lines, config):
    del config["chatops"]
    assert lines() == []


def test_of_a_healthy_set_up_has_a_line_for_each_thing(lines, config, stackstorm):
    assert lines() == [
        "ok: chatops: StackStorm has no authentication, so every command runs as its "
        "system user",
        "ok: chatops.rooms: commands that begin with ! are accepted in "
        f"{config['chatops']['rooms'][0]}, {stackstorm.room}",
        "ok: chatops.allow: HipChat knows its people"]


@pytest.fixture
def played(config):
    """A StackStorm with authentication and RBAC that permits everything."""
    with PlayedStackStorm(has_authentication=True) as played:
        config["chatops"].update(played.config(api_key="key-of-ann"))
        yield played


def test_says_who_reads_and_who_runs(lines, config, played):
    config["chatops"]["api_keys"] = {"7": "key-of-bob"}
    assert lines()[:2] == [
        "ok: chatops.api_key: ann reads results", "ok: chatops.api_keys.7: bob runs commands"]
    del config["chatops"]["api_keys"]
    assert lines()[0] == "ok: chatops.api_key: ann reads results and runs commands"


@pytest.mark.parametrize("path, right", [
    ("/actions/ops.say", "action_view on pack:ops, action_execute on pack:ops"),
    ("/actionalias/hipchat.rooms", "action_alias_view on pack:hipchat"),
    ("/executions", "execution_list")])
def test_names_the_right_that_is_missing(lines, config, played, path, right):
    played.faults["GET", path] = (403, {"faultstring": "no permission"})
    assert lines()[0] == (
        f"TO DO: chatops.api_key: ann reads results and runs commands, and lacks {right}. Assign a "
        "role with them: see docs/chatops.md.")


def test_finds_a_key_that_stackstorm_does_not_know(lines, config, played):
    played.faults["GET", "/actionalias"] = (401, {"faultstring": "Unauthorized"})
    assert lines()[0].endswith("Unauthorized. Make a key with `st2 apikey create`.")


def test_does_not_ask_for_the_user_where_stackstorm_has_no_authentication(lines, config, played):
    played.has_authentication = False
    assert "StackStorm has no authentication" in lines()[0]
    assert "/user" not in [path for _, path, _ in played.calls]


@pytest.mark.parametrize("change, words", [
    ({"rooms": [9]}, "chatops.rooms: 9: HipChat answered 404"),
    ({"allow": [{"commands": ["*"], "people": [9]}]}, "HipChat knows no person with the id 9"),
    ({"allow": []}, "it is empty"),
    ({"rooms": ["Factor"]}, "config: chatops.rooms[0] is 'Factor': it must be")])
def test_says_what_is_to_be_done(lines, config, change, words):
    config["chatops"].update(change)
    assert any(line.startswith("TO DO: ") and words in line for line in lines())


def test_continues_where_people_cannot_be_looked_up(lines, config, start_hipchat):
    server = start_hipchat("--room", "Factor", "--token", "narrow:view_room")
    config.update(api_url=server.url, api_key="narrow", rooms="all")
    assert any("its people cannot be looked up: HipChat answered 403" in line for line in lines())


def test_finds_a_hipchat_that_does_not_name_the_tokens_owner(lines, monkeypatch):
    monkeypatch.setattr("hipchat.api.client.Client.token_info",
                        mock.Mock(side_effect=NoAnswer("HipChat answered 404")))
    assert any("no command is run. HipChat answered 404" in line for line in lines())


@pytest.mark.parametrize("change", [
    {"allow": [{"commands": ["*"], "people": [2001]}]}, {"api_keys": {"2001": "key"}}])
def test_finds_the_owner_of_the_token_among_the_people(lines, config, change):
    config["chatops"].update(change)
    assert lines()[-1] == (
        "TO DO: chatops: 2001 is the owner of api_key. The pack posts as this person, and "
        "ignores their messages. Make the token with a separate account.")


def test_finds_aliases_that_have_one_name(lines, config, monkeypatch):
    aliases = StackStorm.aliases
    monkeypatch.setattr(StackStorm, "aliases", lambda own: iter([
        *aliases(own), {"pack": "web", "name": "rooms", "enabled": False,
                        "action_ref": "web.rooms"}]))
    assert any("and hipchat.rooms and web.rooms have the same" in line for line in lines())
