"""A restart with 500 rules in 50 rooms: calls of HipChat, and seconds until all webhooks exist."""
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

ROOMS = ["Factor"] + [f"Room {number}" for number in range(1, 50)]  # the sample rules use Factor
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
            _wait_for_webhooks(port)  # they are created here, so that later starts are restarts

        def restart() -> Tuple[float, float]:
            before, started = api.calls(), time.monotonic()
            with pack(server.url, port, Path(name), rules):
                listening_at = _wait_for_webhooks(port)
                seconds = time.monotonic() - max(started, listening_at)
            return api.calls() - before - 1, seconds

        ours, theirs = alternate(ROUNDS, restart, api.list_all_webhooks)
    all_seconds, call_seconds = (
        statistics.median(seconds for _, seconds in each) for each in (ours, theirs))
    return [compared(
        "a restart with 500 rules in 50 rooms: calls of HipChat", "one call per room", ("<=", 1.0),
        "calls", [calls for calls, _ in ours], [calls for calls, _ in theirs],
        f"all webhooks exist {all_seconds:.2f} s after the port opens; the calls alone take "
        f"{call_seconds:.2f} s")]


class _Hipchat:
    """A client with the pack's token."""

    def __init__(self, url: str):
        self._url, self._session = url, requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = "Bearer " + TOKEN

    def calls(self) -> int:
        """Return the number of calls of the token, from HipChat's count of calls left.

        Each call of this method adds one.
        """
        answer = self._session.get(self._url + "/room", params={"max-results": 1})
        return -int(answer.headers["X-Ratelimit-Remaining"])

    def list_all_webhooks(self) -> Tuple[float, float]:
        """List the webhooks of each room; return the number of calls, and seconds."""
        started = time.monotonic()
        for room in ROOMS:
            self._session.get(f"{self._url}/room/{quote(room, safe='')}/webhook").json()
        return len(ROOMS), time.monotonic() - started


@contextlib.contextmanager
def hipchat(rooms: List[str], *options: str) -> Iterator[Server]:
    """Run the sandbox's HipChat with these rooms."""
    named = [option for room in rooms for option in ("--room", room)]
    with Server([sys.executable, "-m", "sandbox", "hipchat", "--port", "0", "--token", TOKEN,
                 *options, *named]) as server:
        yield server


@contextlib.contextmanager
def pack(hipchat_url: str, port: int, directory: Path, rules: List[Path], *options: str,
         rooms: Union[str, Sequence[str]] = (), **changes: Any) -> Iterator[Server]:
    """Run the pack in the sandbox's StackStorm, with a spool and a datastore for each port.

    Args:
        options: more options of the command line.
        rooms: the config's rooms; may be "all".
        changes: other changes of the config.
    """
    file = directory / "hipchat.yaml"
    file.write_text(json.dumps(dict(
        config(hipchat_url, port, str(directory / str(port)), rooms), **changes)))
    more = [option for rule in rules for option in ("--rule", str(rule))]
    with Server([sys.executable, "-m", "sandbox", "stackstorm", "--config", str(file),
                 "--api-port", "0", "--log-level", "WARNING",
                 "--datastore", str(directory / f"{port}.json"), *more, *options]) as server:
        yield server


def rule_of_all_rooms(directory: Path) -> Path:
    """Return the file of a rule on all messages in the config's rooms, which never fires."""
    return _rule(directory, "all_rooms", {}, {
        "trigger.message": {"type": "equals", "pattern": "no message has this text"}})


def _rule(directory: Path, name: str, parameters: Dict[str, Any],
          criteria: Dict[str, Any]) -> Path:
    file = directory / f"{name}.yaml"
    file.write_text(json.dumps({
        "name": name, "pack": "hipchat", "enabled": True,
        "trigger": {"type": "hipchat.message", "parameters": parameters}, "criteria": criteria,
        "action": {"ref": "hipchat.send", "parameters": {"message": "pong"}}}))
    return file


def _wait_for_webhooks(port: int) -> float:
    """Wait until all webhooks exist; return when the endpoint first responded (monotonic)."""
    wait(lambda: health_of(port))
    listening_at = time.monotonic()

    def is_ready() -> bool:
        webhooks = health_of(port)["webhooks"]
        return webhooks["present"] == webhooks["wanted"] >= len(ROOMS)

    wait(is_ready)
    return listening_at
