"""The HTTP server below the app: threaded, and quiet."""

import socket

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler
from werkzeug.serving import make_server as make_werkzeug_server


class Handler(WSGIRequestHandler):
    """Werkzeug's handler without an access log."""

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing: `/sandbox/requests` tells what was called."""


def make_server(listener: socket.socket, app: Flask) -> BaseWSGIServer:
    """Return a server of `app` on a socket that listens already."""
    host, port = listener.getsockname()[:2]
    return make_werkzeug_server(host, port, app, threaded=True, request_handler=Handler,
                                fd=listener.fileno())
