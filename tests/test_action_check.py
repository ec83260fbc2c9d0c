"""hipchat.check: its lines for a healthy set-up and for broken ones."""
import re

import pytest
from support.waiting import wait_until
from support.web_server import HttpServer, Reply

from sandbox.both_servers import free_port


@pytest.fixture
def run(act, stackstorm):
    """Run the check with the config of a sensor that runs: run(**changes) -> (ok, lines)."""

    def run_with(webhook=None, **changes):
        config = dict(stackstorm.config, **changes)
        config["webhook"] = dict(config["webhook"], **webhook or {})
        succeeded, result = act("check", config=config)
        assert succeeded is ("error" not in result)
        return succeeded, result["lines"]

    return run_with


def to_do(lines):
    return [line for line in lines if not line.startswith("ok: ")]


@pytest.fixture
def website():
    """The URL of a web server that is no sensor, with some directories."""
    pages = {"page": b"<html>", "deep": b"[" * 100000, "large": b" " * 2 * 1024 ** 2}

    def reply(request):
        page = pages.get(request.path.split("/")[1])
        return Reply(200 if page else 404, page or b"")

    with HttpServer(reply) as server:
        yield server.url


def test_a_healthy_set_up_has_a_line_for_each_thing(run, stackstorm, hipchat):
    succeeded, lines = run()
    room = hipchat.api("GET", "/room/" + stackstorm.room).json()["id"]
    assert succeeded and lines[:-1] == [
        "ok: config: complete",
        f"ok: HipChat: answers at {hipchat.url}, without TLS",
        "ok: token: it has the scopes that the pack needs",
        f"ok: room {stackstorm.room}: its id is {room}",
        f"ok: listener: the sensor answers at {stackstorm.listener}/health (seen from this host)"]
    assert re.fullmatch(r"ok: webhooks: (\d+) wanted, \1 present", lines[-1])


def test_no_network(run):
    succeeded, lines = run(api_url=f"http://127.0.0.1:{free_port()}")
    assert not succeeded and len(to_do(lines)) == 1
    assert "no connection (Connection refused). Check api_url, the network" in to_do(lines)[0]


def test_a_token_of_the_wrong_kind(run, start_hipchat):
    assert "TO DO: HipChat answered 401 to GET /v2/oauth/token/***" in to_do(
        run(api_key="a-group-key-of-v1")[1])[0]
    server = start_hipchat("--room", "Factor", "--room-token", "for-a-room:Factor")
    assert to_do(run(api_url=server.url, api_key="for-a-room")[1]) == [
        "TO DO: token: it is a room notification token, which can only notify one room. Set "
        "api_key to a personal access token."]


def test_a_token_of_an_integration_that_is_not_renewed(run, start_hipchat):
    server = start_hipchat("--oauth", "our-id:our-secret")
    token = server.oauth_token("our-id", "our-secret")
    lines = run(api_url=server.url, api_key=token)[1]
    assert "Set oauth.id and oauth.secret instead of api_key" in to_do(lines)[0]


@pytest.mark.parametrize("session_is_told", [True, False])
def test_an_integration_may_say_nothing_as_a_user_and_needs_no_scope_for_it(
        run, start_hipchat, stackstorm, session_is_told):
    server = start_hipchat("--room", stackstorm.room, "--oauth", "our-id:our-secret")
    if not session_is_told:
        server.people.faults({"paths": "/oauth/token/", "status": 403})
    lines = run(api_url=server.url, api_key=None,
                oauth={"id": "our-id", "secret": "our-secret"})[1]
    assert "ok: token: it has the scopes that the pack needs" in lines


@pytest.mark.parametrize("session_is_told", [True, False])
def test_a_scope_that_is_missing(run, start_hipchat, stackstorm, session_is_told):
    scopes = "send_message,view_room,view_group,send_notification"
    server = start_hipchat("--room", stackstorm.room, "--token", "narrow:" + scopes)
    if not session_is_told:
        server.people.faults({"paths": "/oauth/token/", "status": 403})
    succeeded, lines = run(api_url=server.url, api_key="narrow")
    assert not succeeded and to_do(lines)[0].startswith(
        "TO DO: token: it lacks admin_room. Make a token that has all of these scopes: ")


def test_a_scope_that_only_some_actions_need_is_named_as_well(run, start_hipchat, stackstorm):
    scopes = "admin_room,send_message,view_room,view_group,send_notification,view_messages"
    server = start_hipchat("--room", stackstorm.room, "--token", "narrow:" + scopes)
    lines = run(api_url=server.url, api_key="narrow")[1]
    assert "ok: token: it has the scopes that the pack needs; without manage_rooms the actions " \
        "create_room and delete_room fail" in lines


def test_a_room_that_is_missing(run):
    lines = run(rooms=["Nowhere"])[1]
    assert len(to_do(lines)) == 1 and to_do(lines)[0].startswith(
        "TO DO: room Nowhere: HipChat answered 404")


def test_a_room_that_is_archived(run, act, room):
    assert act("archive_room", room=room)[0]
    assert to_do(run(default_room=room)[1]) == [
        f"TO DO: room {room}: it is archived. Run hipchat.unarchive_room, or remove it from the "
        "config."]


@pytest.mark.parametrize("path, what", [("", "HTTP 404"), ("/page", "HTTP 200"),
                                        ("/deep", "HTTP 200")])
def test_a_public_url_that_leads_elsewhere(run, website, path, what):
    lines = run(webhook={"public_url": website + path})[1]
    assert to_do(lines)[-1:] == [
        f"TO DO: listener: the server at {website + path}/health is not the sensor ({what}). "
        "Correct webhook.public_url, or the proxy before the sensor."]


def test_a_public_url_without_end(run, website):
    lines = run(webhook={"public_url": website + "/large"})[1]
    assert f"no server answers at {website}/large/health (TooLarge)" in to_do(lines)[-1]


def test_a_port_that_is_closed(run):
    url = f"http://127.0.0.1:{free_port()}/hipchat"
    lines = run(webhook={"public_url": url})[1]
    assert f"no server answers at {url}/health" in to_do(lines)[-1]
    assert "that webhook.port is open" in to_do(lines)[-1]


def test_a_config_that_is_wrong_has_a_line_for_each_value(act):
    succeeded, result = act("check", config={"api_key": "two words", "timeout": -1,
                                             "webhook": {"public_url": "st2"}})
    assert not succeeded and [line.split(": ")[2] for line in result["lines"]] == [
        "api_key", "timeout is -1", "webhook.public_url is 'st2'"]


def test_webhooks_that_are_missing_in_a_room_of_the_config(run, room):
    lines = run(rooms=[room], events=["message", "enter"])[1]
    assert to_do(lines) == [
        f"TO DO: room {room}: the sensor's webhooks for message, enter are missing. The sensor "
        "creates them while it runs; if it cannot, its log says why."]


def test_a_rule_for_a_room_that_does_not_exist_counts_if_it_is_enabled(run, stackstorm):
    rules = [stackstorm.add_rule("enter", {"room": "Nowhere"}, enabled=False)]
    try:
        wait_until(lambda: stackstorm.health()["status"] == "ok")  # no call of the sensor's failed
        succeeded, lines = run()
        assert succeeded and re.fullmatch(r"ok: webhooks: (\d+) wanted, \1 present", lines[-1])
        rules.append(stackstorm.add_rule("enter", {"room": "Nowhere"}))
        wait_until(lambda: stackstorm.health()["status"] == "degraded")
        assert any("Nowhere" in line for line in to_do(run()[1]))
    finally:
        for rule in rules:
            stackstorm.remove_rule(rule)


def test_a_sensor_that_is_in_trouble_says_why(act, start_ready, start_hipchat):
    server = start_hipchat("--room", "Factor")
    sensor = start_ready(server, rooms=["Factor"])
    server.people.faults({"paths": "/webhook$", "methods": ["POST"], "status": 500})
    sensor.add_rule("archived", {"room": "Factor"})
    wait_until(lambda: sensor.health()["reasons"])
    lines = act("check", config=sensor.config)[1]["lines"]
    trouble, = to_do(lines)
    assert trouble.startswith("TO DO: listener: ") and "HipChat answered 500" in trouble
    assert not any("webhooks: " in line for line in lines if line.startswith("ok: "))


def test_a_key_that_does_not_exist_is_said_once(act, start_ready, start_hipchat):
    server = start_hipchat("--room", "Factor")
    sensor = start_ready(server, rooms=["Factor"], room="Factor")
    assert sensor.health()["reasons"] == ["settings: a config value is probably a mistake"]
    assert to_do(act("check", config=sensor.config)[1]["lines"]) == [
        "TO DO: config: 'room': there is no such key. Is rooms meant?"]


def test_a_token_that_ends_soon(run, start_hipchat, stackstorm):
    server = start_hipchat("--room", stackstorm.room)
    server.people.faults({"paths": "/oauth/token/", "body": {
        "scopes": [], "owner_type": "user", "expires_in": 13 * 86400 + 5}})
    assert "TO DO: token: it ends in 13 days. Make another and set api_key to it." in to_do(
        run(api_url=server.url, api_key=server.token)[1])


def test_whatever_goes_wrong_there_are_lines_to_read(act):
    succeeded, result = act("check", config={"rooms": {"not": "a list"}, "webhook": 7})
    assert not succeeded and all(line.startswith("TO DO: config: ") for line in result["lines"][:2])
