"""Starts a sandbox HipChat and a sandbox StackStorm that are connected to each other."""

import json
import random
import secrets
import socket
import time
from pathlib import Path
from typing import IO, Any, Callable, List, NamedTuple, Optional, Sequence
from urllib.parse import quote

import requests

from sandbox.control_client import ControlClient
from sandbox.server_process import ServerProcess, ServerProcessError

ROOM = "Factor"

_HELD: List[socket.socket] = []  # bound to the ports that free_port() has returned


class Ports(NamedTuple):
    """The ports of HipChat, of StackStorm's API and of the webhook endpoint; 0 picks a free one."""

    hipchat: int = 0
    api: int = 0
    webhook: int = 0


class BothServers:
    """Runs both servers inside a `with` block:

        with BothServers(directory, ["hipchat.ping_pong"]) as servers:
            servers.people.say("Factor", "Ann", "ping hello")

    Args:
        directory: where the pack's config and spool are written.
        rules: refs of the rules to enable.
        rooms: names of the rooms in HipChat.
        log: where both servers log; this process's stderr if None.
        has_webhooks: False makes the sensor poll the rooms' history instead.
    """

    def __init__(self, directory: Path, rules: Sequence[str], rooms: Sequence[str] = (ROOM,),
                 ports: Ports = Ports(), log: Optional[IO[str]] = None,
                 has_webhooks: bool = True):
        self._directory, self._rules, self._rooms, self._log = directory, rules, rooms, log
        self._ports, self._has_webhooks = ports, has_webhooks
        self._webhook_url = f"http://127.0.0.1:{ports.webhook or free_port()}/hipchat"
        self._children: List[ServerProcess] = []
        self._session = requests.Session()
        # Both servers are local: ignore the environment's proxy.
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
        self.hipchat_url = self._child("hipchat", "--port", str(self._ports.hipchat),
                                       "--token", self.token, *rooms)
        self.people = ControlClient(self.hipchat_url)
        config = self._directory / "hipchat.yaml"
        # JSON is valid YAML.
        config.write_text(json.dumps(self._config()))
        rules = [option for rule in self._rules for option in ("--enable", rule)]
        self.stackstorm_url = self._child("stackstorm", "--config", str(config),
                                          "--api-port", str(self._ports.api), *rules)
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
        """Return the webhooks that the pack created in the room, as HipChat lists them."""
        return self._hipchat_room(ROOM, "/webhook")["items"]

    def is_asked_for_history(self) -> bool:
        """Whether the pack has requested the room's history."""
        return any("/history/" in call["path"] for call in self.people.requests())

    def _hipchat_room(self, room: str, more: str = "") -> Any:
        url = f"{self.hipchat_url}/room/{quote(room, safe='')}{more}"
        headers = {"Authorization": "Bearer " + self.token}
        return self._session.get(url, headers=headers, timeout=5).json()

    def wait_for(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """Poll a condition until it is true.

        Args:
            what: a noun for the condition, for the error.
            condition: called every 20 ms.
            seconds: how long to wait.

        Returns:
            The condition's first true value.

        Raises:
            ServerProcessError: the time has passed, or a server has ended.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise ServerProcessError(f"after {seconds:.0f} s there is still no {what}")

    def check(self) -> None:
        """Raise ServerProcessError if one of the servers has ended."""
        for child in self._children:
            child.check()


def free_port() -> int:
    """Return a free port below the range from which the kernel assigns ports.

    The port stays reserved while this process runs, even when no server listens on it: a server
    can stop and start again there.
    """
    while True:
        holder, port = socket.socket(), random.randrange(10000, 32768)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        # A listening socket may share the port with this bound one if both set the option.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _HELD.append(holder)
        return port
