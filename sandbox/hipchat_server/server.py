"""The HTTP server of the app: threaded, without an access log."""

import socket
import ssl
from typing import Any, Dict, Optional

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler
from werkzeug.serving import make_server as make_werkzeug_server


class Handler(WSGIRequestHandler):
    """Werkzeug's handler without an access log."""

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing: `/sandbox/requests` lists the calls."""

    def connection_dropped(self, error: BaseException,
                           environ: Optional[Dict[str, Any]] = None) -> None:
        """Close a connection that the client has closed, or that a fault has reset."""
        self.close_connection = True


def make_server(listener: socket.socket, app: Flask, tls: Optional[str]) -> BaseWSGIServer:
    """Return a server of `app` on a listening socket.

    Args:
        tls: the path of a PEM file with a certificate and its key; None for plain HTTP.
    """
    host, port = listener.getsockname()[:2]
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    return make_werkzeug_server(host, port, app, threaded=True, request_handler=Handler,
                                fd=listener.fileno(), ssl_context=context)
