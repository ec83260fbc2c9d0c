"""A restart with 500 rules in 50 rooms: HipChat calls, and seconds until all is there."""
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple, Union
from urllib.parse import quote

import requests

from benchmarks.server_process import Server
from benchmarks.measure import Row, alternate, compared
from benchmarks.settings import TOKEN, config
from benchmarks.waiting import health_of, wait
from sandbox.both_servers import free_port

ROOMS = ["Factor"] + [f"Room {number}" for number in range(1, 50)]  # samples want Factor
RULES = 500
ROUNDS = 3


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, hipchat(ROOMS) as server:
        api = _Hipchat(server.url)
        rules = [_rule(Path(name), f"rule_{number}", {
            "room": ROOMS[number % len(ROOMS)], "filter": f"ping-{number} (.*)"}, {})
            for number in range(RULES)]
        port = free_port()
        with pack(server.url, port, Path(name), rules):
            _all_there(port)  # the webhooks are made; from now on it is a restart

        def restart() -> Tuple[float, float]:
            before, started = api.calls(), time.monotonic()
            with pack(server.url, port, Path(name), rules):
                listening = _all_there(port)
                seconds = time.monotonic() - max(started, listening)
            return api.calls() - before - 1, seconds

        ours, theirs = alternate(ROUNDS, restart, api.look_at_all)
    seconds = [statistics.median(seconds for _, seconds in each) for each in (ours, theirs)]
    return [compared(
        "a restart with 500 rules in 50 rooms: calls of HipChat", "one call per room", ("<=", 1.0),
        "calls", [calls for calls, _ in ours], [calls for calls, _ in theirs],
        "all webhooks exist {:.2f} s after the port opens; the calls alone take {:.2f} s".format(
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
            self._session.get(f"{self._url}/room/{quote(room, safe='')}/webhook").json()
        return len(ROOMS), time.monotonic() - started


@contextlib.contextmanager
def hipchat(rooms: List[str], *options: str) -> Iterator[Server]:
    """The sandbox's HipChat."""
    named = [option for room in rooms for option in ("--room", room)]
    with Server([sys.executable, "-m", "sandbox", "hipchat", "--port", "0", "--token", TOKEN,
                 *options, *named]) as server:
        yield server


@contextlib.contextmanager
def pack(hipchat_url: str, port: int, directory: Path, rules: List[Path], *options: str,
         rooms: Union[str, Sequence[str]] = (), **changes: Any) -> Iterator[Server]:
    """The pack in the sandbox's StackStorm, with a spool for each port; changes: of its config."""
    file = directory / "hipchat.yaml"
    file.write_text(json.dumps(dict(
        config(hipchat_url, port, str(directory / str(port)), rooms), **changes)))
    more = [option for rule in rules for option in ("--rule", str(rule))]
    with Server([sys.executable, "-m", "sandbox", "stackstorm", "--config", str(file),
                 "--api-port", "0", "--log-level", "WARNING", *more, *options]) as server:
        yield server


def rule_of_all_rooms(directory: Path) -> Path:
    """A rule on all that is said in the config's rooms, which nothing fulfils."""
    return _rule(directory, "all_rooms", {}, {
        "trigger.message": {"type": "equals", "pattern": "what nobody says"}})


def _rule(directory: Path, name: str, parameters: Dict[str, Any],
          criteria: Dict[str, Any]) -> Path:
    file = directory / f"{name}.yaml"
    file.write_text(json.dumps({
        "name": name, "pack": "hipchat", "enabled": True,
        "trigger": {"type": "hipchat.message", "parameters": parameters}, "criteria": criteria,
        "action": {"ref": "hipchat.send", "parameters": {"message": "pong"}}}))
    return file


def _all_there(port: int) -> float:
    """Return when all webhooks are present: the time at which the listener answered first."""
    wait(lambda: health_of(port))
    listening = time.monotonic()

    def is_ready() -> bool:
        webhooks = health_of(port)["webhooks"]
        return webhooks["present"] == webhooks["wanted"] >= len(ROOMS)

    wait(is_ready)
    return listening
