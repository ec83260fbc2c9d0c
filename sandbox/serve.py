"""Both servers, until Ctrl-C: to control with."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from sandbox.both_servers import COMMAND_RULES, ROOM, BothServers
from sandbox.server_process import ServerProcessError

GUIDE = """\
HipChat     {hipchat}  with the rooms {rooms}
            token {token}, good for this sandbox alone, for as long as it runs
StackStorm  {stackstorm}  with this pack; enabled: {rules}

Open {page} and say "ping hello" or "!hipchat rooms" in {room}. Or without a browser:

  curl -X POST {control}/say -H 'Content-Type: application/json' \\
       -d '{{"room": "{room}", "user": "Ann", "message": "ping hello"}}'
  curl '{control}/transcript?room={room}'

The webhooks that the pack made, and any other call of HipChat's API v2:

  curl '{hipchat}/room/{room}/webhook?auth_token={token}'

What StackStorm made of it:

  curl {stackstorm}/v1/triggerinstances
  curl {stackstorm}/v1/executions

Its log follows. Ctrl-C ends both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox serve`."""
    add = parser.add_argument
    add("--room", action="append", metavar="NAME",
        help=f"one more room than {ROOM}; may be repeated")
    add("--enable", action="append", metavar="REF",
        help="a rule to enable instead of hipchat.ping_pong and of those for commands; may be "
        "repeated")
    for name, port in (("hipchat", 8090), ("api", 9101), ("webhook", 8088)):
        add(f"--{name}-port", type=int, default=port, metavar="PORT",
            help="0 picks a free one (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Stay until Ctrl-C; returns the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rooms, rules = [ROOM, *(args.room or [])], args.enable or [
        "hipchat.ping_pong", *COMMAND_RULES]
    with tempfile.TemporaryDirectory(prefix="hipchat-sandbox-") as directory:
        try:
            with BothServers(Path(directory), rules, rooms, args.hipchat_port, args.api_port,
                      args.webhook_port) as servers:
                print(GUIDE.format(
                    hipchat=servers.hipchat_url, token=servers.token, room=ROOM,
                    stackstorm=servers.stackstorm_url, rooms=", ".join(rooms),
                    rules=", ".join(rules), page=servers.hipchat_url[:-len("v2")],
                    control=servers.hipchat_url.replace("/v2", "/sandbox")), flush=True)
                while True:
                    servers.check()
                    time.sleep(0.5)
        except KeyboardInterrupt:
            return 0
        except ServerProcessError as error:
            print(f"The sandbox ends: {error}.", file=sys.stderr)
            return 1
