"""A HipChat and a StackStorm that know each other."""

import json
import random
import secrets
import socket
import time
from pathlib import Path
from typing import IO, Any, Callable, List, Optional, Sequence
from urllib.parse import quote

import requests

from sandbox.control_client import ControlClient
from sandbox.server_process import ServerProcess, ServerProcessError

ROOM = "Factor"
COMMAND_RULES = ("hipchat.run_command", "hipchat.tell_result")

_HELD: List[socket.socket] = []  # on the ports that free_port() has given


class BothServers:
    """Both servers, from `with` to its end; files are kept in the directory.

    Ports are free ones where 0. Without webhooks, StackStorm asks for the history. The children log
    to `log`, or to this process's stderr.
    """

    def __init__(self, directory: Path, rules: Sequence[str], rooms: Sequence[str] = (ROOM,),
                 hipchat_port: int = 0, api_port: int = 0, webhook_port: int = 0,
                 log: Optional[IO[str]] = None, has_webhooks: bool = True):
        self._directory, self._rules, self._rooms, self._log = directory, rules, rooms, log
        self._hipchat_port, self._api_port = hipchat_port, api_port
        self._has_webhooks = has_webhooks
        self._webhook_url = f"http://127.0.0.1:{webhook_port or free_port()}/hipchat"
        self._children = []
        self._session = requests.Session()
        # The servers are here: no proxy of the environment stands between.
        self._session.trust_env = False
        self.token = secrets.token_hex(20)

    def __enter__(self) -> "BothServers":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        for child in reversed(self._children):
            child.stop()

    def _start(self) -> None:
        rooms = [option for room in self._rooms for option in ("--room", room)]
        self.hipchat_url = self._child("hipchat", "--port", str(self._hipchat_port),
                                       "--token", self.token, *rooms)
        self.people = ControlClient(self.hipchat_url)
        config = self._directory / "hipchat.yaml"
        # JSON is YAML.
        config.write_text(json.dumps(self._config()))
        rules = [option for rule in self._rules for option in ("--enable", rule)]
        self.stackstorm_url = self._child("stackstorm", "--config", str(config),
                                          "--api-port", str(self._api_port), *rules)
        self.people.use_stackstorm(self.stackstorm_url)

    def _child(self, command: str, *options: str) -> str:
        child = ServerProcess(command, *options, log=self._log)
        self._children.append(child)
        return child.url()

    def _config(self) -> Any:
        rooms = [self._hipchat_room(room)["id"] for room in self._rooms]
        address = self._webhook_url.split("/")[2]
        host, port = address.split(":")
        config = {"api_key": self.token, "api_url": self.hipchat_url, "rooms": list(self._rooms),
                "chatops": {"rooms": rooms,
                            "allow": [{"commands": ["hipchat.*"], "people": "*"}]},
                "default_room": ROOM, "spool": {"directory": str(self._directory / "spool")}}
        webhook = {"public_url": self._webhook_url, "host": host, "port": int(port)}
        return dict(config, webhook=webhook) if self._has_webhooks else config

    def webhooks(self) -> Any:
        """The webhooks that the pack made in the room, as HipChat lists them."""
        return self._hipchat_room(ROOM, "/webhook")["items"]

    def is_asked_for_history(self) -> bool:
        """Whether the pack has asked for what was said in the room."""
        return any("/history/" in call["path"] for call in self.people.requests())

    def run_action(self, ref: str, **parameters: Any) -> None:
        """Let StackStorm run an action; ServerProcessError if it refuses."""
        answer = self._session.post(self.stackstorm_url + "/v1/executions", timeout=5, json={
            "action": ref, "parameters": parameters})
        if not answer.ok:
            raise ServerProcessError(f"StackStorm did not run {ref}: {answer.text}")

    def commands_are_heard(self) -> bool:
        """Whether the rules of ChatOps are enabled."""
        rules = self._session.get(self.stackstorm_url + "/v1/rules", timeout=5).json()
        return all(rule["enabled"] for rule in rules if rule["ref"] in COMMAND_RULES)

    def _hipchat_room(self, room: str, more: str = "") -> Any:
        url = f"{self.hipchat_url}/room/{quote(room, safe='')}{more}"
        headers = {"Authorization": "Bearer " + self.token}
        return self._session.get(url, headers=headers, timeout=5).json()

    def wait_for(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """The first true value of the condition; ServerProcessError says what is missing."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise ServerProcessError(f"after {seconds:.0f} s there is still no {what}")

    def check(self) -> None:
        """Raise ServerProcessError if one of the two has ended."""
        for child in self._children:
            child.check()


def free_port() -> int:
    """A port that nobody listens on, and that no system gives to whoever asks for any.

    As long as this process runs, nobody else gets it from here, though nobody may listen for long.
    """
    while True:
        holder, port = socket.socket(), random.randrange(10000, 32768)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        # One who listens may share it with one who does not, if both allow it.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _HELD.append(holder)
        return port
