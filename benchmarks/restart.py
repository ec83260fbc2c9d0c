"""A restart with 500 rules in 50 rooms: HipChat calls, and seconds until all is there."""
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple
from urllib.parse import quote

import requests

from benchmarks.server_process import Server
from benchmarks.measure import Row, alternate, compared
from benchmarks.settings import TOKEN, config
from sandbox.both_servers import free_port

ROOMS = ["Factor"] + ["Room {}".format(number) for number in range(1, 50)]  # samples want Factor
RULES = 500
ROUNDS = 3
PATIENCE = 60.0  # seconds


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, hipchat(ROOMS) as server:
        api = _Hipchat(server.url)
        rules = [_rule(Path(name), number) for number in range(RULES)]
        port = free_port()
        with pack(server.url, port, Path(name), rules):
            _wait(port)  # the webhooks are made; from now on it is a restart

        def restart() -> Tuple[float, float]:
            before, started = api.calls(), time.monotonic()
            with pack(server.url, port, Path(name), rules):
                listening = _wait(port)
                seconds = time.monotonic() - max(started, listening)
            return api.calls() - before - 1, seconds

        ours, theirs = alternate(ROUNDS, restart, api.look_at_all)
    seconds = [statistics.median(seconds for _, seconds in each) for each in (ours, theirs)]
    return [compared(
        "a restart with 500 rules in 50 rooms: calls of HipChat", "one call a room", ("<=", 1.0),
        "calls", [calls for calls, _ in ours], [calls for calls, _ in theirs],
        "all is there {:.2f} s after the listener answers; the calls alone take {:.2f} s".format(
            *seconds))]


class _Hipchat:
    def __init__(self, url: str):
        self._url, self._session = url, requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = "Bearer " + TOKEN

    def calls(self) -> int:
        """How many calls the token has made, by what HipChat says is left; itself one more."""
        answer = self._session.get(self._url + "/room", params={"max-results": 1})
        return -int(answer.headers["X-Ratelimit-Remaining"])

    def look_at_all(self) -> Tuple[float, float]:
        started = time.monotonic()
        for room in ROOMS:
            self._session.get("{}/room/{}/webhook".format(self._url, quote(room, safe=""))).json()
        return len(ROOMS), time.monotonic() - started


@contextlib.contextmanager
def hipchat(rooms: List[str]) -> Iterator[Server]:
    """The sandbox's HipChat."""
    options = [option for room in rooms for option in ("--room", room)]
    with Server([sys.executable, "-m", "sandbox", "hipchat", "--port", "0", "--token", TOKEN,
                 *options]) as server:
        yield server


@contextlib.contextmanager
def pack(hipchat_url: str, port: int, directory: Path, rules: List[Path], *options: str,
         rooms: Sequence[str] = ()) -> Iterator[Server]:
    """The pack in the sandbox's StackStorm, with a spool for each port."""
    file = directory / "hipchat.yaml"
    file.write_text(json.dumps(config(hipchat_url, port, str(directory / str(port)), rooms)))
    more = [option for rule in rules for option in ("--rule", str(rule))]
    with Server([sys.executable, "-m", "sandbox", "stackstorm", "--config", str(file),
                 "--api-port", "0", "--log-level", "WARNING", *more, *options]) as server:
        yield server


def _rule(directory: Path, number: int) -> Path:
    file = directory / "rule-{}.yaml".format(number)
    file.write_text(json.dumps({
        "name": "rule_{}".format(number), "pack": "hipchat", "enabled": True,
        "trigger": {"type": "hipchat.message", "parameters": {
            "room": ROOMS[number % len(ROOMS)], "filter": "ping-{} (.*)".format(number)}},
        "criteria": {}, "action": {"ref": "hipchat.send", "parameters": {"message": "pong"}}}))
    return file


def _wait(port: int) -> float:
    """Return when all webhooks are present: the time at which the listener answered first."""
    session, deadline, listening = requests.Session(), time.monotonic() + PATIENCE, 0.0
    session.trust_env = False
    while time.monotonic() < deadline:
        try:
            health = session.get("http://127.0.0.1:{}/hipchat/health".format(port)).json()
            listening = listening or time.monotonic()
            webhooks = health["webhooks"]
            if webhooks["present"] == webhooks["wanted"] >= len(ROOMS):
                return listening
        except requests.ConnectionError:
            pass
        time.sleep(0.02)
    raise TimeoutError("the webhooks were not there within {} s".format(PATIENCE))
