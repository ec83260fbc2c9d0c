"""The sensor's own part of the time of chat commands; this process simulates StackStorm."""
import contextlib
import json
import re
import socket
import sys
import tempfile
import threading
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List
from urllib.parse import urlsplit

import requests

from benchmarks.load import delivery, request, steady
from benchmarks.measure import Row, alternate, compared, percentile, plain
from benchmarks.server_process import REPOSITORY, run
from sandbox.both_servers import ROOM, BothServers

sys.path.insert(0, str(REPOSITORY / "tests"))
from support.played_stackstorm import PlayedStackStorm  # noqa: E402

PARALLEL = 20  # commands
START, RUN = 0.033, 0.24  # seconds, as a StackStorm 3.9.0 took to start and to run core.noop
ROUNDS = 5
RATE, SECONDS = 50, 6  # deliveries a second, and seconds
COMMANDS = 10  # a second
LARGE = 9_000_000  # bytes of the result of an execution that no command started
TIMEOUT = 20.0  # seconds


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as directory:
        stackstorm = _Paced()
        with _Servers(Path(directory), [], stackstorm=stackstorm) as servers:
            servers.wait_for("webhook", servers.webhooks, TIMEOUT)
            servers.wait_for("event stream", lambda: stackstorm.listeners, TIMEOUT)
            bench = _Bench(servers, stackstorm)
            bench.commands(1)  # warm-up
            own = [each for _ in range(ROUNDS) for each in bench.commands(PARALLEL)]
            busy, idle = alternate(ROUNDS, bench.p99_with_commands, bench.p99)
            stops = list(_longest_stops(stackstorm))
        stackstorm.stop()
    each = sorted(1000 * value for value in own)
    return [
        plain(f"{PARALLEL} commands in parallel: from StackStorm's response or event to the call "
              "of HipChat, median", "", ("<=", 20), "ms", [percentile(each, 0.5)]),
        plain(f"{PARALLEL} commands in parallel: from StackStorm's response or event to the call "
              "of HipChat, p95", "", ("<=", 100), "ms", [percentile(each, 0.95)]),
        compared(f"p99 of HipChat's 204 while {COMMANDS} commands a second run", "without commands",
                 ("<=", 1.2), "ms", busy, idle),
        plain("longest stop of the sensor's loop while the event stream carries a result of 9 MB",
              "", ("<=", 50), "ms", stops)]


class _Servers(BothServers):
    """A sensor that runs commands in the simulated StackStorm, and HipChat behind a proxy."""

    def __init__(self, *arguments: Any, stackstorm: PlayedStackStorm):
        super().__init__(*arguments, log=open("/dev/null", "w"))
        self._stackstorm = stackstorm

    def _config(self) -> Any:
        config = super()._config()
        config["chatops"].update(
            self._stackstorm.config(), allow=[{"commands": ["*"], "people": "*"}])
        self.calls = _Calls(self.hipchat_url)
        return dict(config, api_url=self.calls.url)


class _Calls:
    """A proxy in front of HipChat.

    Attributes:
        received_at: the Unix time of each notification's call, by the notification's text.
    """

    def __init__(self, hipchat_url: str):
        self.received_at: Dict[str, float] = {}
        self._hipchat = urlsplit(hipchat_url)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v2"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        address = (self._hipchat.hostname, self._hipchat.port)
        with client, socket.create_connection(address) as hipchat:
            threading.Thread(target=self._copy, args=(hipchat, client), daemon=True).start()
            while True:
                data = client.recv(65536)
                if not data:
                    return
                found = re.search(rb'"message": "@Ann (.+?)(?: \(details|")', data)
                if found:
                    self.received_at.setdefault(found.group(1).decode(), time.time())
                hipchat.sendall(data)

    def _copy(self, hipchat: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for data in iter(lambda: hipchat.recv(65536), b""):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


class _Paced(PlayedStackStorm):
    """Starts one command after the other, as StackStorm's API does, and takes START and RUN.

    Attributes:
        sent_at: the Unix time of each response and event, by the text that the room then gets.
    """

    def __init__(self):
        super().__init__()
        self._starting = threading.Lock()
        self.sent_at: Dict[str, float] = {}

    def _start(self, body: Any) -> Any:
        with self._starting:
            time.sleep(START)
            found = super()._start(body)
        found[1]["message"] = "Started " + body["command"]
        self.sent_at["Started " + body["command"]] = time.time()
        threading.Timer(RUN, self.end, [found[1]["execution"]["id"], body["command"]]).start()
        return found

    def end(self, execution_id: str, *arguments: Any, **more: Any) -> None:
        self.sent_at[self.executions[execution_id]["parameters"]["words"]] = time.time()
        super().end(execution_id, *arguments, **more)


class _Bench:

    def __init__(self, servers: _Servers, stackstorm: _Paced):
        self._servers, self._stackstorm = servers, stackstorm
        self._url = servers.webhooks()[0]["url"]
        servers.people.say(ROOM, "Ann", "hello")
        self._session = requests.Session()
        self._session.trust_env = False

    def commands(self, count: int) -> Iterator[float]:
        """Run commands; yield the seconds of the pack's part of each acknowledgement and reply."""
        words = [f"say {uuid.uuid4().hex}" for _ in range(count)]
        for each in words:
            self._servers.people.say(ROOM, "Ann", "!" + each)
        texts = words + ["Started " + each for each in words]
        received_at = self._servers.calls.received_at
        self._servers.wait_for(
            "replies", lambda: all(text in received_at for text in texts), TIMEOUT)
        return (received_at[text] - self._stackstorm.sent_at[text] for text in texts)

    def p99(self) -> float:
        posts = [request(self._url, delivery(uuid.uuid4().hex, ROOM))
                 for _ in range(RATE * SECONDS)]
        return steady(posts, RATE).p99(self._url)

    def p99_with_commands(self) -> float:
        stop = threading.Event()
        thread = threading.Thread(target=self._post_commands, args=(stop,))
        thread.start()
        try:
            return self.p99()
        finally:
            stop.set()
            thread.join()

    def _post_commands(self, stop: threading.Event) -> None:
        while not stop.wait(1 / COMMANDS):
            body = json.loads(delivery(uuid.uuid4().hex, ROOM, "!say " + uuid.uuid4().hex))
            body["item"]["message"]["date"] = datetime.now(timezone.utc).isoformat()
            self._session.post(self._url, json=body, timeout=TIMEOUT)


def _longest_stops(stackstorm: PlayedStackStorm) -> Iterator[float]:
    """Yield for each large event the longest stop of a loop that reads the stream, in ms."""
    with run("benchmarks.stream_reader", stackstorm.url + "/stream") as reader:
        lines = reader.lines()
        for _ in range(ROUNDS):
            stackstorm.tell({"id": uuid.uuid4().hex, "status": "succeeded",
                         "result": {"stdout": "x" * LARGE}})
            yield float(next(lines))
