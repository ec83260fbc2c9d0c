"""The sandbox's commands as processes: what they print, and what they print where they fail."""
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


def test_stackstorm_names_the_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = run("stackstorm", "--api-port", str(server.getsockname()[1]))
    assert done.returncode == 1 and "Choose another --api-port" in done.stderr
    assert "Traceback" not in done.stderr


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
