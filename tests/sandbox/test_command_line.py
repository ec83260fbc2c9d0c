"""The sandbox's commands as processes: what they print, and what they print where they fail."""
import random
import re
import socket
import subprocess
import sys

import pytest
import requests

from sandbox.control_client import ControlClient
from sandbox.server_process import ServerProcess
from support import REPOSITORY
from support.servers import direct, free_port


def run(*arguments):
    """Run a command to its end."""
    return subprocess.run([sys.executable, "-m", "sandbox", *arguments], cwd=str(REPOSITORY),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          universal_newlines=True)


@pytest.mark.parametrize("command", [
    ["rule", "rules/ping_pong.yaml", "--say", "ping x"], ["alias", "--say", "hipchat rooms"],
    ["stackstorm", "--help"]])
def test_no_command_prints_a_warning(command):
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option, variable", [
    ("--hipchat-port", "HIPCHAT_PORT"), ("--api-port", "API_PORT"),
    ("--webhook-port", "WEBHOOK_PORT")])
def test_serve_names_the_port_that_is_taken_and_how_to_choose_another(option, variable):
    free = {name: str(free_port()) for name in ("--hipchat-port", "--api-port", "--webhook-port")}
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        done = run("serve", *(word for pair in dict(free, **{option: taken}).items()
                              for word in pair))
    assert done.returncode == 1 and f"cannot listen on port {taken} for " in done.stderr
    assert f"{option} PORT" in done.stderr and f"make sandbox {variable}=" in done.stderr


@pytest.mark.parametrize("command, option", [
    ("hipchat", "--port"), ("stackstorm", "--api-port")])
def test_a_server_names_the_port_that_is_taken(command, option):
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = run(command, option, str(server.getsockname()[1]))
    assert done.returncode == 1 and f"Choose another {option}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("argument", [("--token", "TOKEN:view_rooms"), ("--oauth", "id")])
def test_hipchat_refuses_an_argument_that_makes_no_sense(argument):
    done = run("hipchat", "--port", "0", *argument)
    assert done.returncode == 2 and argument[1].split(":")[-1] in done.stderr


@pytest.mark.parametrize("options, words", [
    (["--enable", "hipchat.nothing"], "no rule 'hipchat.nothing'; there are hipchat.build, "),
    (["--config", "{}/nowhere.yaml"], "cannot read"),
    (["--config", "{}/wrong.yaml"], "api_key: 5 is not of type 'string'")])
def test_stackstorm_refuses_what_is_wrong_before_it_does_anything(tmp_path, options, words):
    (tmp_path / "wrong.yaml").write_text("{api_url: \"https://hipchat/v2\", api_key: 5}")
    done = run("stackstorm", *(option.format(tmp_path) for option in options))
    assert done.returncode == 1 and words in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_ends_with_the_pong_in_the_room():
    done = run("demo")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "Factor: pong hello (green)" in done.stdout
    assert "Factor: @Ann 1 room:\n              Factor (1001) (green)" in done.stdout
    # No token or signature, which are longer than IDs, and no color codes without a terminal.
    assert not re.search(r"[\w-]{37,}|\x1b", done.stdout)


def test_hipchat_says_where_it_is_and_ends_quietly_on_sigterm():
    command = [sys.executable, "-m", "sandbox", "hipchat", "--port", "0", "--token", "TOKEN"]
    with subprocess.Popen(command, cwd=str(REPOSITORY), universal_newlines=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            url = re.match(r"HipChat sandbox: (http://127.0.0.1:\d+)/v2\n$",
                           process.stdout.readline()).group(1)
            assert process.stdout.readline() == (
                f"To install an add-on, paste the URL of its descriptor on the chat page, {url}/\n")
            assert direct().get(url + "/v2/room?auth_token=TOKEN", timeout=60).ok
            process.terminate()
            assert process.communicate(timeout=60) == ("", "") and process.returncode == 0
        finally:
            process.kill()


def test_hipchat_prints_nothing_when_a_fault_resets_a_connection(tmp_path):
    log = tmp_path / "log"
    with log.open("w") as file:
        process = ServerProcess("hipchat", "--port", "0", log=file)
    try:
        url = process.url()
        people = ControlClient(url)
        people.faults({"reset": True, "times": 2})
        for method in ("GET", "POST"):
            with pytest.raises(requests.ConnectionError):
                direct().request(method, url + "/room", json={}, timeout=30)
        assert direct().get(url + "/room", timeout=30).status_code == 401
    finally:
        process.stop()
    assert log.read_text() == ""


def test_a_free_port_is_given_once_though_it_stays_free(monkeypatch):
    first = free_port()
    draws = iter([first, first, first + 1 if first < 32767 else 10000])
    monkeypatch.setattr(random, "randrange", lambda *_: next(draws))
    assert free_port() != first
