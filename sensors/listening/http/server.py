"""The HTTP server of the webhook endpoint, which limits connections in number and duration."""
import functools
import logging
import socket
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import eventlet
from eventlet import wsgi

from hipchat.config.sensor_settings import SensorSettings
from listening import timing
from listening.backoff import Backoff
from listening.operations.health import Health
from listening.http.tls import Tls

__all__ = ["Protocol", "Server"]


class Server:
    """Serves a WSGI application at the host and port of the settings.

    It calls request_check(), which reads all rooms' histories, each time it has bound the port,
    because deliveries may have failed while the port was closed.
    """

    def __init__(self, settings: SensorSettings, application: Callable,
                 request_check: Callable[[], None], health: Health, log: logging.Logger):
        self._settings, self._application = settings, application
        self._request_check, self._health, self._log = request_check, health, log

    def serve(self) -> None:
        """Listen for ever. Retry while the port is in use."""
        backoff = Backoff(timing.PORT_RETRY_MAX)
        while True:
            try:
                self._serve_once()
                backoff.succeeded()
            except OSError as error:
                self._health.set_problem("listener", "cannot listen",
                                         f"{error} The sensor tries again until it works.")
                eventlet.sleep(backoff.failed())

    def _serve_once(self) -> None:
        tls = self._tls()
        listening_socket = self._bind()
        self._request_check()
        self._health.clear_problem("listener")
        self._log.info("Listening on %s:%d%s.", self._settings.host, self._settings.port,
                       " with TLS" if tls else "")
        pool = _Pool(self._settings.max_connections)
        protocol = functools.partial(Protocol, tls=tls, arriving=pool.arriving)
        wsgi.server(listening_socket, self._application, protocol=protocol, custom_pool=pool,
                    keepalive=False, log_output=False, debug=False,
                    socket_timeout=timing.REQUEST_TIMEOUT)

    def _tls(self) -> Optional[Tls]:
        if self._settings.tls is None:
            return None
        try:
            return Tls(*self._settings.tls, health=self._health)
        except OSError as error:
            raise OSError("webhook.tls_certificate and webhook.tls_key cannot be used: "
                          f"{error}.") from None

    def _bind(self) -> socket.socket:
        host, port = self._settings.host, self._settings.port
        try:
            return eventlet.listen((host, port), backlog=1024, reuse_port=False,
                                   family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            raise OSError(f"Cannot listen on {host}:{port}: {error.strerror or error}. Stop the "
                          "program that uses the port, or change webhook.host and webhook.port."
                          ) from None


class _Pool(eventlet.GreenPool):
    """Limits the number of connections. A new one replaces the oldest whose request is incomplete.

    Attributes:
        arriving: the connections whose request has not arrived completely, the oldest first: the
            greenlet and the start (time.monotonic()) of each, by its deadline.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self.arriving: Dict[eventlet.Timeout, Tuple[Any, float]] = {}

    def spawn(self, function: Callable, *args: Any) -> Any:
        while not self.free():
            deadline, (greenlet, began) = next(iter(self.arriving.items()), (None, (None, 0.0)))
            if deadline and time.monotonic() > began + timing.CROWDED_REQUEST_TIMEOUT:
                del self.arriving[deadline]
                deadline.cancel()
                eventlet.kill(greenlet, deadline)
            else:
                eventlet.sleep(0.01)
        return super().spawn(function, *args)


class Protocol(wsgi.HttpProtocol):
    """Handles one connection: eventlet's HTTP, plus TLS and a deadline for the request.

    Error responses have no content, so that they reveal nothing.
    """

    wbufsize = 1024  # bytes; the responses are short

    def __init__(self, connection: List, server: Any, tls: Optional[Tls],
                 arriving: Dict[eventlet.Timeout, Tuple[Any, float]]):
        self._tls, self._arriving = tls, arriving
        self._deadline = eventlet.Timeout(timing.REQUEST_TIMEOUT, False)
        arriving[self._deadline] = (eventlet.getcurrent(), time.monotonic())
        try:
            if tls:
                connection[1] = tls.wrap(connection[1])
            super().__init__(connection, server)
        except (OSError, eventlet.Timeout):  # a client that is slow, gone, or without TLS
            pass
        finally:
            self._arrived()

    def _arrived(self) -> None:
        self._deadline.cancel()
        self._arriving.pop(self._deadline, None)

    def get_environ(self) -> Dict[str, Any]:
        return dict(super().get_environ(), **{"hipchat.arrived": self._arrived})

    def send_error(self, code: int, message: str = "", explain: str = "") -> None:
        """Send an error without content: the standard library would send parts of the request."""
        self.close_connection = True
        # The standard library answers an unknown HTTP version with 505; it is the client's error.
        self.wfile.write(b"HTTP/1.1 %d Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" %
                         (code if code < 500 else 400))
        self.wfile.flush()

    def finish(self) -> None:
        """Read the rest of a request that was answered early, for LINGER_TIMEOUT; then close.

        If the connection were closed while the client sends, the client would not see the response.
        """
        if self._deadline.pending:
            self.wfile.flush()
            if not self._tls:
                self.connection.shutdown(socket.SHUT_WR)
            with eventlet.Timeout(timing.LINGER_TIMEOUT, False):
                while self.connection.recv(65536):
                    eventlet.sleep()  # a client that sends fast must not block the others
        super().finish()
        self.environ = None  # breaks a reference cycle, so that memory is freed immediately
