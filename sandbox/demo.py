"""The demo: what a person says, a message and a command, and its way through everything."""

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
COMMAND, ANSWER = "!hipchat rooms", "@Ann 1 rooms:"
SECONDS = 20

BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the demo's options to `parser`."""
    parser.add_argument("--without-webhook", action="store_true",
                        help="listen by HipChat's history, as where it cannot reach StackStorm")


def main(args: argparse.Namespace) -> int:
    """Play it; returns 0 once the answer stands in the room, else 1."""
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
        print("\nWhat the two servers logged:\n\n" + _masked(log.read_text(), servers.token))
        return 1


def _play(servers: BothServers, without_webhook: bool) -> None:
    _row("HipChat", f"a sandbox with the room {ROOM}, {servers.hipchat_url}")
    _row("StackStorm", f"a sandbox with this pack, {servers.stackstorm_url}")
    if without_webhook:
        servers.wait_for("look at the history of " + ROOM, servers.is_asked_for_history, SECONDS)
    else:
        servers.wait_for("webhook for messages in " + ROOM, lambda: any(
            hook["event"] == "room_message" for hook in servers.webhooks()), SECONDS)
    _act(servers, PING, lambda what: what == PONG)
    servers.run_action("hipchat.enable_chatops")
    servers.wait_for("rule for commands", servers.commands_are_heard, SECONDS)
    _act(servers, COMMAND, lambda what: what.startswith(ANSWER))


def _act(servers: BothServers, said: str, is_answer: Callable[[str], bool]) -> None:
    """Say something, and show its way to the answer that is waited for."""
    print()
    servers.people.say(ROOM, PERSON, said)
    answer = servers.wait_for(f"answer in {COLOR} to {said!r}", lambda: next(
        (line for line in servers.people.transcript(ROOM)
         if is_answer(line["what"]) and line["color"] == COLOR), None), SECONDS)
    # The answer can be there before those who passed it on have written that down.
    for step in servers.wait_for("end of its way", lambda: _trace(servers), SECONDS):
        _row(step["kind"], step["title"])
        if step["detail"]:
            _row("", step["detail"])
    _row("said", "{who} in {room}: {text} ({color})".format(
        who=answer["who"], room=ROOM, color=answer["color"],
        text=_paint(GREEN, answer["what"].replace("\n", "\n" + " " * 14))))
    begin = next(line for line in servers.people.transcript(ROOM) if line["what"] == said)
    print()
    print(_paint(BOLD, "{!r} stood in {} in {} {:.0f} ms after {!r} was said.".format(
        answer["what"].partition("\n")[0], ROOM, COLOR,
        1000 * (_time(answer) - _time(begin)).total_seconds(), said)))


def _trace(servers: BothServers) -> List[Dict[str, str]]:
    """The steps from what was said to its answer, once all are done."""
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
    return f"\x1b[{code}m{text}\x1b[0m"


def _time(line: Dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["when"])
