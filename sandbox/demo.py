"""`python -m sandbox demo`: shows each step from a person's message to the pack's reply."""

import argparse
import os
import re
import signal
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Dict, List

from sandbox.both_servers import ROOM, BothServers
from sandbox.server_process import ServerProcessError

RULE, PERSON = "hipchat.ping_pong", "Ann"
PING, PONG, COLOR = "ping hello", "pong hello", "green"
COMMAND, ANSWER = "!hipchat rooms", "@Ann 1 room"
SECONDS = 20

BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox demo`."""
    parser.add_argument("--without-webhook", action="store_true",
                        help="poll HipChat's history, as if HipChat could not reach StackStorm")


def main(args: argparse.Namespace) -> int:
    """Run the demo; return 0 if both replies are posted, else 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="hipchat-demo-") as directory:
        log = Path(directory, "log")
        with log.open("w") as log_file:
            servers = BothServers(Path(directory), [RULE], log=log_file,
                                  has_webhooks=not args.without_webhook)
            try:
                with servers:
                    _play(servers, args.without_webhook)
                return 0
            except KeyboardInterrupt:
                return 130
            except (ServerProcessError, OSError) as error:
                print(_paint(RED, f"The demo failed: {error}."))
        print("\nThe log of both servers:\n\n" + _masked(log.read_text(), servers.token))
        return 1


def _play(servers: BothServers, without_webhook: bool) -> None:
    _row("HipChat", f"a sandbox with the room {ROOM}, {servers.hipchat_url}")
    _row("StackStorm", f"a sandbox with this pack, {servers.stackstorm_url}")
    if without_webhook:
        servers.wait_for("request for the room's history", servers.is_asked_for_history, SECONDS)
    else:
        servers.wait_for("webhook for messages in " + ROOM, lambda: any(
            hook["event"] == "room_message" for hook in servers.webhooks()), SECONDS)
    _act(servers, PING, lambda what: what == PONG)
    _act(servers, COMMAND, lambda what: what.startswith(ANSWER))


def _act(servers: BothServers, message: str, is_reply: Callable[[str], bool]) -> None:
    """Post a message, wait for its reply, and print every step between them."""
    print()
    servers.people.say(ROOM, PERSON, message)
    reply = servers.wait_for(f"reply in {COLOR} to {message!r}", lambda: next(
        (line for line in servers.people.transcript(ROOM)
         if is_reply(line["what"]) and line["color"] == COLOR), None), SECONDS)
    # The reply can be in the room before StackStorm has recorded the steps that led to it.
    for step in servers.wait_for("record of every step", lambda: _trace(servers), SECONDS):
        _row(step["kind"], step["title"])
        if step["detail"]:
            _row("", step["detail"])
    text = _paint(GREEN, reply["what"].replace("\n", "\n" + " " * 14))
    _row("reply", f"{reply['who']} in {ROOM}: {text} ({reply['color']})")
    posted = next(line for line in servers.people.transcript(ROOM) if line["what"] == message)
    milliseconds = 1000 * (_time(reply) - _time(posted)).total_seconds()
    first_line = reply["what"].partition("\n")[0]
    print()
    print(_paint(BOLD, f"{first_line!r} was posted to {ROOM} in {COLOR} {milliseconds:.0f} ms "
                       f"after {message!r}."))


def _trace(servers: BothServers) -> List[Dict[str, str]]:
    """Return the steps from the message to its reply, or none until all are done."""
    trace = servers.people.trace()
    return [step for step in trace["steps"] if step["state"] == "ok"] if trace["done"] else []


def _row(what: str, text: str) -> None:
    # A row without a heading continues the row above: dim it.
    print(f"  {_paint(BOLD, f'{what:<10}')}  {text if what else _paint(DIM, text)}", flush=True)


def _masked(text: str, token: str) -> str:
    """Return the text without its secrets: the token, and the signatures in webhook URLs."""
    return re.sub(r"(/hipchat/\w+/[^/\s]+/)[\w-]+", r"\1***", text.replace(token, "***"))


def _paint(code: str, text: str) -> str:
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def _time(line: Dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["when"])
