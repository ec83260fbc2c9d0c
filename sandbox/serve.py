"""`python -m sandbox serve`: runs a HipChat and a StackStorm to try the pack, until Ctrl-C."""

import argparse
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import List

from sandbox.both_servers import ROOM, BothServers, Ports
from sandbox.server_process import ServerProcessError

# The option of each port, its default, and the server.
PORTS = (("hipchat", 8090, "HipChat"), ("api", 9101, "StackStorm's API"),
         ("webhook", 8088, "the sensor's webhook endpoint"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox serve`."""
    add = parser.add_argument
    add("--room", action="append", metavar="NAME",
        help=f"a room beside {ROOM}; may be repeated")
    add("--enable", action="append", metavar="REF",
        help="a rule to enable instead of hipchat.ping_pong and the rules for chat commands; may "
        "be repeated")
    for name, port, server in PORTS:
        add(f"--{name}-port", type=int, default=port, metavar="PORT",
            help=f"the port of {server}; 0 picks a free one (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rooms = [ROOM, *(args.room or [])]
    rules = args.enable or ["hipchat.ping_pong"]
    try:
        ports = Ports(*(_checked_port(args, *each) for each in PORTS))
        with tempfile.TemporaryDirectory(prefix="hipchat-sandbox-") as directory:
            with BothServers(Path(directory), rules, rooms, ports) as servers:
                print(_guide(servers, rooms, rules), flush=True)
                while True:
                    servers.check()
                    time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    except ServerProcessError as error:
        print(f"The sandbox has stopped: {error}.", file=sys.stderr)
        return 1


def _checked_port(args: argparse.Namespace, name: str, default: int, server: str) -> int:
    """Return the port of an option; raise ServerProcessError if it is in use."""
    port: int = getattr(args, f"{name}_port")
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError) as error:
        raise ServerProcessError(
            f"cannot listen on port {port} for {server} ({error}): choose another with "
            f"--{name}-port PORT, or `make sandbox {name.upper()}_PORT=...`; 0 picks a free "
            "one") from error
    return port


def _guide(servers: BothServers, rooms: List[str], rules: List[str]) -> str:
    """Return a text with things to try in this sandbox."""
    page = servers.hipchat_url[:-len("v2")]
    control = page + "sandbox"
    return f"""\
HipChat     {servers.hipchat_url}  with the rooms {', '.join(rooms)}
            token {servers.token}, valid in this sandbox until it stops
StackStorm  {servers.stackstorm_url}  with this pack; enabled rules: {', '.join(rules)}

Open {page} and post "ping hello" or "!hipchat rooms" in {ROOM}. Or without a browser:

  curl -X POST {control}/say -H 'Content-Type: application/json' \\
       -d '{{"room": "{ROOM}", "user": "Ann", "message": "ping hello"}}'
  curl '{control}/transcript?room={ROOM}'

List the webhooks that the pack created, or make any other call of HipChat's API v2:

  curl '{servers.hipchat_url}/room/{ROOM}/webhook?auth_token={servers.token}'

List the trigger instances that StackStorm received, and its executions:

  curl {servers.stackstorm_url}/v1/triggerinstances
  curl {servers.stackstorm_url}/v1/executions

StackStorm's log follows. Ctrl-C stops both.
"""
