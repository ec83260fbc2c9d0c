"""Calls that are made again: only where a second one can do no harm."""
import threading

import pytest
from support.clock import Clock
from support.servers import Hipchat
from support.web_server import HttpServer

from hipchat.timing import RETRY_DELAYS
from sandbox.both_servers import free_port


@pytest.fixture(scope="module")
def hipchat():
    with Hipchat("--room", "Factor") as server:
        yield server


@pytest.fixture
def server(hipchat):
    """A HipChat in good health, whose calls are counted from here on."""
    hipchat.people.heal()
    hipchat.people.forget()
    return hipchat


def calls(server):
    return [call["method"] for call in server.people.requests()]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_that_a_gateway_refuses_is_made_again(act, server, status):
    server.people.faults({"status": status, "times": 1})
    assert act("get_room", room="Factor")[0]
    assert calls(server) == ["GET", "GET"]


def test_a_read_is_given_up_after_the_third_time(act, server):
    server.people.faults({"status": 503})
    succeeded, result = act("get_room", room="Factor")
    assert not succeeded and result["status"] == 503
    assert calls(server) == ["GET"] * 3


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"reset": True}], ids=str)
def test_a_call_that_may_have_taken_effect_is_not_repeated(act, server, fault):
    server.people.faults(fault)
    succeeded, result = act("send", room="Factor", message="once")
    assert not succeeded and "error" in result
    assert calls(server) == ["POST"]


def test_an_error_of_hipchats_own_is_not_asked_for_again(act, server):
    server.people.faults({"status": 500})
    assert not act("get_room", room="Factor")[0]
    assert calls(server) == ["GET"]


def test_a_connection_that_is_refused_is_tried_again_for_any_call(act):
    port, servers = free_port(), []
    threading.Timer(0.2, lambda: servers.append(HttpServer(port=port))).start()
    succeeded, _ = act("send", config={"api_url": f"http://127.0.0.1:{port}"},
                       room="Factor", message="once")
    server, = servers
    server.stop()
    assert succeeded and len(server.requests) == 1


def test_a_connection_that_stays_refused_is_an_error(act, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("hipchat.api.transport.time", clock)
    began = clock.now
    succeeded, result = act("get_room", room="Factor", config={
        "api_url": f"http://127.0.0.1:{free_port()}"})
    assert not succeeded and "no connection (Connection refused)" in result["error"]
    assert clock.now - began == sum(RETRY_DELAYS)
