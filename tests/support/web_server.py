"""A web server of a test's own."""
import contextlib
import ssl
import threading
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Mapping, NamedTuple, Union

__all__ = ["HttpServer", "Reply", "Request"]


class Request(NamedTuple):
    """A request that the server got; client: the other end of its connection."""

    method: str
    path: str
    headers: Any
    body: bytes
    client: Any


class Reply(NamedTuple):
    """What the server answers; reason: the words behind the status."""

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = {}
    reason: Union[str, None] = None


class HttpServer(AbstractContextManager):
    """Answers each request with reply(request), from its construction until stop().

    A body ends with the connection; its length is not declared.

    Args:
        reply: a function that takes a Request and returns a Reply, or a function that does as it
            likes with the connection; or a Reply for all requests.
        port: a free one, if 0.
        tls: the paths of a certificate and its key; plain HTTP without.
        protocol: with "HTTP/1.1", a connection takes several requests.
    """

    def __init__(self, reply=Reply(), port=0, tls=None, protocol="HTTP/1.0"):
        self.reply = reply if callable(reply) else lambda _: reply
        self.requests, outer = [], self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = protocol

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, self.headers, body, self.client_address)
                outer.requests.append(request)
                reply = outer.reply(request)
                if callable(reply):
                    with contextlib.suppress(OSError):
                        reply(self.connection)
                    return
                self.send_response(reply.status, reply.reason)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
