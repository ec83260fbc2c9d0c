"""The demo: a person says "ping hello", and its way through everything is shown."""

import argparse
import os
import re
import signal
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, List

from sandbox.both_servers import ROOM, BothServers
from sandbox.server_process import ServerProcessError

RULE, PERSON = "hipchat.ping_pong", "Ann"
PING, PONG, COLOR = "ping hello", "pong hello", "green"
SECONDS = 20

BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo has no options."""


def main(args: argparse.Namespace) -> int:
    """Play it; returns 0 once the answer stands in the room, else 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="hipchat-demo-") as directory:
        log = Path(directory, "log")
        with log.open("w") as log_file:
            servers = BothServers(Path(directory), [RULE], log=log_file)
            try:
                with servers:
                    _play(servers)
                return 0
            except KeyboardInterrupt:
                return 130
            except (ServerProcessError, OSError) as error:
                print(_paint(RED, "The demo failed: {}.".format(error)))
        print("\nWhat the two servers logged:\n\n" + _masked(log.read_text(), servers.token))
        return 1


def _play(servers: BothServers) -> None:
    _row("HipChat", "a sandbox with the room {}, {}".format(ROOM, servers.hipchat_url))
    _row("StackStorm", "a sandbox with this pack, {}".format(servers.stackstorm_url))
    print()
    servers.wait_for("webhook for messages in " + ROOM, lambda: any(
        hook["event"] == "room_message" for hook in servers.webhooks()), SECONDS)
    servers.people.say(ROOM, PERSON, PING)
    pong = servers.wait_for("{!r} in {} in {}".format(PONG, ROOM, COLOR), lambda: _pong(servers),
                            SECONDS)
    # The pong can be there before those who passed it on have written that down.
    for step in servers.wait_for("end of its way", lambda: _trace(servers), SECONDS):
        _row(step["kind"], step["title"])
        if step["detail"]:
            _row("", step["detail"])
    _row("said", "{who} in {room}: {text} ({color})".format(
        who=pong["who"], room=ROOM, text=_paint(GREEN, pong["what"]), color=pong["color"]))
    ping = next(line for line in servers.people.transcript(ROOM) if line["what"] == PING)
    print()
    print(_paint(BOLD, "{!r} stood in {} in {} {:.0f} ms after {!r} was said.".format(
        PONG, ROOM, COLOR, 1000 * (_time(pong) - _time(ping)).total_seconds(), PING)))


def _pong(servers: BothServers) -> Any:
    return next((line for line in servers.people.transcript(ROOM)
                 if line["what"] == PONG and line["color"] == COLOR), None)


def _trace(servers: BothServers) -> List[Dict[str, str]]:
    """The steps from the ping to the pong, once all are done."""
    trace = servers.people.trace()
    return [step for step in trace["steps"] if step["state"] == "ok"] if trace["done"] else []


def _row(what: str, text: str) -> None:
    # The second line on the same thing stands back.
    print("  {}  {}".format(_paint(BOLD, "{:<10}".format(what)),
                            text if what else _paint(DIM, text)), flush=True)


def _masked(text: str, token: str) -> str:
    """The text without the secrets in it: the token, and the signatures of webhook URLs."""
    return re.sub(r"(/hipchat/\w+/[^/\s]+/)[\w-]+", r"\1***", text.replace(token, "***"))


def _paint(code: str, text: str) -> str:
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return "\033[{}m{}\033[0m".format(code, text)


def _time(line: Dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["when"])
