"""The command line of the HipChat server: `python -m sandbox hipchat`."""

import argparse
import signal
import socket
import sys
from typing import List, Tuple

from sandbox.hipchat_server.models import SCOPES

BACKLOG = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m sandbox hipchat`."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=8090, help="0 picks a free one (default: %(default)s)")
    add("--token", action="append", default=[], metavar="TOKEN[:SCOPE,...]", type=token,
        help="a personal access token, with all scopes unless some are named")
    add("--room-token", action="append", default=[], metavar="TOKEN:ROOM", type=room_token,
        help="a room notification token, which can do nothing but notify this room")
    add("--oauth", action="append", default=[], metavar="ID:SECRET", type=integration,
        help="an integration that gets its tokens from /v2/oauth/token")
    add("--oauth-life", type=int, default=3600, metavar="SECONDS",
        help="how long such a token is valid (default: %(default)s)")
    add("--room", action="append", default=[], metavar="NAME", help="a room that exists")
    add("--user", action="append", default=[], metavar="NAME", help="a person who exists")
    add("--tls", metavar="FILE",
        help="a PEM file with a certificate and its key, to serve https (default: http)")
    add("--rate-limit", type=int, default=100000, metavar="CALLS",
        help="calls a token may make in a window (HipChat: 100; default: %(default)s)")
    add("--rate-window", type=float, default=300, metavar="SECONDS",
        help="length of that window (default: %(default)s)")
    add("--flood-limit", type=int, default=100000, metavar="MESSAGES",
        help="messages a token may send to a room in a minute (HipChat: 30; "
             "default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    # A shell starts background jobs with SIGINT ignored, so both are set.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        listener = socket.create_server((args.host, args.port), backlog=BACKLOG)
    except OSError as error:
        print(f"Cannot listen on {args.host}:{args.port}: {error.strerror}. "
              "Choose another --port.", file=sys.stderr)
        return 1
    try:
        _serve(args, listener)
    except KeyboardInterrupt:
        pass
    return 0


def _serve(args: argparse.Namespace, listener: socket.socket) -> None:
    # Imported here, so that `python -m sandbox --help` does not wait for Flask.
    from sandbox.hipchat_server.app import create_app
    from sandbox.hipchat_server.group import Group
    from sandbox.hipchat_server.limits import Limits
    from sandbox.hipchat_server.server import make_server

    scheme = "https" if args.tls else "http"
    host, port = listener.getsockname()[:2]
    group = Group(f"{scheme}://{host}:{port}/v2")
    for name in args.user:
        group.person(name)
    for name in dict.fromkeys(args.room):
        group.add_room(name)
    for value, scopes in args.token:
        group.add_personal_token(value, *scopes)
    for value, room in args.room_token:
        group.add_room_token(value, group.room(room))
    for client_id, secret in args.oauth:
        group.add_integration(client_id, secret, args.oauth_life)
    limits = Limits(args.rate_limit, args.rate_window, args.flood_limit)
    server = make_server(listener, create_app(group, limits), args.tls)
    print(f"HipChat sandbox: {group.url}\nTo install an add-on, paste the URL of its descriptor on "
          f"the chat page, {group.url.rpartition('/')[0]}/", flush=True)
    server.serve_forever()


def token(argument: str) -> Tuple[str, List[str]]:
    """Read TOKEN or TOKEN:SCOPE,SCOPE."""
    value, _, listed = argument.partition(":")
    scopes = listed.split(",") if listed else []
    for scope in scopes:
        if scope not in SCOPES:
            raise argparse.ArgumentTypeError(
                f"{scope} is no scope; choose from {', '.join(SCOPES)}")
    return value, scopes


def room_token(argument: str) -> Tuple[str, str]:
    """Read TOKEN:ROOM."""
    value, _, room = argument.partition(":")
    if not room:
        raise argparse.ArgumentTypeError(f"{argument} is not TOKEN:ROOM")
    return value, room


def integration(argument: str) -> Tuple[str, str]:
    """Read ID:SECRET."""
    client_id, _, secret = argument.partition(":")
    if not secret:
        raise argparse.ArgumentTypeError(f"{argument} is not ID:SECRET")
    return client_id, secret
