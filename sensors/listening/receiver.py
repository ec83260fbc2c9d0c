"""The HTTP listener: takes what HipChat posts, and answers 204 once it is on disk."""
import functools
import ipaddress
import json
import logging
import socket
import time
import uuid
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

import eventlet
from eventlet import wsgi

from listening.backoff import Backoff
from hipchat.events import message_id, read_body, rooms_of, webhook_id
from listening.health import Health
from hipchat.settings import SensorSettings
from listening.signed_request import is_signed
from listening.spool import Arrival, Spool, SpoolError
from listening.tls import Tls
from hipchat.webhook_url import Address, WebhookUrl

__all__ = ["Receiver"]

LARGEST_BODY = 1024 * 1024  # bytes
REQUEST_TIME = 15.0  # seconds in which a request must have arrived
CROWDED_TIME = 1.0  # seconds for the same where all connections are in use
LINGER_TIME = 1.0  # seconds for what a refused client still sends
LONGEST_PAUSE = 15.0  # seconds between two attempts to take the port


class Answer(NamedTuple):
    """What is sent back: a status line, and a line of text: HipChat would post JSON in the room."""

    status: str
    text: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Tuple[Tuple[str, str], ...] = ()


ACCEPTED = Answer("204 No Content")
NOT_FOUND = Answer("404 Not Found", "There is nothing here.\n")
NOT_ALLOWED = Answer("403 Forbidden", "This address is not allowed.\n")
NOT_SIGNED = Answer("401 Unauthorized", "A valid JWT is required.\n",
                    headers=(("WWW-Authenticate", "JWT"),))
TOO_LARGE = Answer("413 Payload Too Large", "The body is larger than 1 MiB.\n")
NO_LENGTH = Answer("411 Length Required", "A Content-Length is required.\n")
TOO_SLOW = Answer("408 Request Timeout", "The request took too long to arrive.\n")
INCOMPLETE = Answer("400 Bad Request", "The body did not arrive whole.\n")
UNAVAILABLE = Answer("503 Service Unavailable", "Deliveries cannot be kept now.\n",
                     headers=(("Retry-After", "60"),))


def _wrong_method(allowed: str) -> Answer:
    return Answer("405 Method Not Allowed", "Only {} is allowed here.\n".format(allowed),
                  headers=(("Allow", allowed),))


class Receiver:
    """Serves `POST {public_url}/{event}/{room}/{signature}` and `GET {public_url}/health`.

    A delivery is answered 204 when the spool has it on disk; then notify is called with its lane.
    """

    def __init__(self, settings: SensorSettings, urls: WebhookUrl, spool: Spool,
                 notify: Callable[[str], None], health: Health, log: logging.Logger):
        public = urlsplit(settings.public_url)
        self._origin = "{}://{}".format(public.scheme, public.netloc)
        self._health_path = public.path + "/health"
        self._settings = settings
        self._urls, self._spool, self._notify = urls, spool, notify
        self._health, self._log = health, log
        self.accepting = False

    def serve(self) -> None:
        """Listen, for ever; a port that is in use is tried again until it is free."""
        backoff = Backoff(LONGEST_PAUSE)
        while True:
            try:
                self._serve_once()
                backoff.succeeded()
            except OSError as error:
                self._health.trouble("listener", "cannot listen", "{} It is tried again until it "
                                     "works.".format(error))
                eventlet.sleep(backoff.failed())

    def _serve_once(self) -> None:
        tls = self._tls()
        listening = self._listening()
        self._health.well("listener")
        self._log.info("Listening on %s:%d%s.", self._settings.host, self._settings.port,
                       " with TLS" if tls else "")
        pool = _Connections(self._settings.max_connections)
        protocol = functools.partial(_Protocol, tls=tls, arriving=pool.arriving)
        wsgi.server(listening, self, protocol=protocol, custom_pool=pool, keepalive=False,
                    log_output=False, debug=False, socket_timeout=REQUEST_TIME)

    def _tls(self) -> Optional[Tls]:
        if self._settings.tls is None:
            return None
        try:
            return Tls(*self._settings.tls, health=self._health)
        except OSError as error:
            raise OSError("webhook.tls_certificate and webhook.tls_key cannot be used: {}.".format(
                error)) from None

    def _listening(self) -> socket.socket:
        host, port = self._settings.host, self._settings.port
        try:
            return eventlet.listen((host, port), backlog=1024, reuse_port=False,
                                   family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            raise OSError("{}:{} cannot be listened on: {}. Stop what uses the port, or change "
                          "webhook.host and webhook.port.".format(
                              host, port, error.strerror or error)) from None

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            answer = self._answer(environ)
        except eventlet.Timeout:
            answer = TOO_SLOW
        headers: List[Tuple[str, str]] = list(answer.headers)
        if answer.text:
            headers.append(("Content-Type", answer.content_type))
        start_response(answer.status, headers)
        text = "" if environ["REQUEST_METHOD"] == "HEAD" else answer.text
        return [text.encode("utf-8")]

    def _answer(self, environ: Dict[str, Any]) -> Answer:
        if not self._is_allowed(environ["REMOTE_ADDR"]):
            return NOT_ALLOWED
        path = environ["RAW_PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        method = environ["REQUEST_METHOD"]
        if path == self._health_path:
            return self._report() if method == "GET" else _wrong_method("GET")
        address = self._urls.read(self._origin + path)
        if address is None:
            return NOT_FOUND
        if method != "POST":
            return _wrong_method("POST")
        integration = self._settings.api.integration
        if integration and not is_signed(environ, *integration):
            return NOT_SIGNED
        if not self.accepting:
            return UNAVAILABLE
        return self._receive(address, environ)

    def _is_allowed(self, address: str) -> bool:
        networks = self._settings.allow_from
        if not networks:
            return True
        client = ipaddress.ip_address(address.partition("%")[0])
        client = getattr(client, "ipv4_mapped", None) or client
        return any(client in network for network in networks)

    def _report(self) -> Answer:
        return Answer("200 OK", json.dumps(self._health.report()) + "\n", "application/json")

    def _receive(self, address: Address, environ: Dict[str, Any]) -> Answer:
        if "HTTP_TRANSFER_ENCODING" in environ:  # eventlet reads chunks of any length and number
            return NO_LENGTH
        expected = int(environ.get("CONTENT_LENGTH") or 0)
        if expected > LARGEST_BODY:
            return TOO_LARGE
        try:
            raw = environ["wsgi.input"].read(LARGEST_BODY + 1)
        except (OSError, ValueError):
            return INCOMPLETE
        if len(raw) > LARGEST_BODY:
            return TOO_LARGE
        if len(raw) < expected:
            return INCOMPLETE
        environ["hipchat.arrived"]()
        try:
            arrival = _arrival(address, raw)
        except ValueError as error:
            return Answer("400 Bad Request", "{}.\n".format(error))
        return self._keep(arrival)

    def _keep(self, arrival: Arrival) -> Answer:
        try:
            kept = self._spool.put(arrival)
        except SpoolError as error:
            self._health.trouble("spool", "deliveries are refused", str(error))
            return UNAVAILABLE
        self._health.well("spool")
        if kept:
            self._health.accepted += 1
            self._notify(arrival.lane)
        else:
            self._health.dropped["repeated"] += 1
        return ACCEPTED


def _arrival(address: Address, raw: bytes) -> Arrival:
    body = read_body(raw)
    message = message_id(body)
    return Arrival(
        event=address.event,
        room=address.room,
        lane=(rooms_of(body) + [address.room])[0],
        message="{} {}".format(webhook_id(body), message) if message else "",
        trace=message or uuid.uuid4().hex,
        body=raw)


class _Connections(eventlet.GreenPool):
    """So many at once; for one more, that goes which has been slowest to send its request.

    arriving has the deadline of each connection whose request has not arrived, the oldest first,
    with its greenlet and the time of its beginning.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.arriving: Dict[eventlet.Timeout, Tuple[Any, float]] = {}

    def spawn(self, function: Callable, *args: Any) -> Any:
        while not self.free():
            deadline, (greenlet, began) = next(iter(self.arriving.items()), (None, (None, 0.0)))
            if deadline and time.monotonic() > began + CROWDED_TIME:
                del self.arriving[deadline]
                deadline.cancel()
                eventlet.kill(greenlet, deadline)
            else:
                eventlet.sleep(0.01)
        return super().spawn(function, *args)


class _Protocol(wsgi.HttpProtocol):
    """eventlet's HTTP, with TLS, a deadline for each request, and errors that tell nothing."""

    wbufsize = 1024  # bytes; the answers are short

    def __init__(self, connection: List, server: Any, tls: Optional[Tls],
                 arriving: Dict[eventlet.Timeout, Tuple[Any, float]]):
        self._tls, self._arriving = tls, arriving
        self._deadline = eventlet.Timeout(REQUEST_TIME, False)
        arriving[self._deadline] = (eventlet.getcurrent(), time.monotonic())
        try:
            if tls:
                connection[1] = tls.wrap(connection[1])
            super().__init__(connection, server)
        except (OSError, eventlet.Timeout):  # a client that is slow, gone, or speaks no TLS
            pass
        finally:
            self._arrived()

    def _arrived(self) -> None:
        self._deadline.cancel()
        self._arriving.pop(self._deadline, None)

    def get_environ(self) -> Dict[str, Any]:
        return dict(super().get_environ(), **{"hipchat.arrived": self._arrived})

    def send_error(self, code: int, message: str = "", explain: str = "") -> None:
        """In place of the standard library's, which repeats the request and names its version."""
        self.close_connection = True
        # 505 for an unknown version of HTTP is the client's fault, too.
        self.wfile.write(b"HTTP/1.1 %d Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" %
                         (code if code < 500 else 400))
        self.wfile.flush()

    def finish(self) -> None:
        """Read on for a while: a client that is cut off while it sends never sees the answer."""
        if self._deadline.pending:
            self.wfile.flush()
            if not self._tls:
                self.connection.shutdown(socket.SHUT_WR)
            with eventlet.Timeout(LINGER_TIME, False):
                while self.connection.recv(65536):
                    eventlet.sleep()  # one that sends fast must not keep the others waiting
        super().finish()
        self.environ = None  # it refers to this object, which would wait for the garbage collector
