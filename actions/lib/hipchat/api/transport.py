"""Sends HTTP requests, with a timeout and a maximum size for the whole response."""
import io
import time
from http.client import HTTPResponse, IncompleteRead
from typing import Any, Dict, Mapping, NamedTuple, Sequence
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from hipchat.errors import TooLarge
from hipchat.text.shallow_json import loads

__all__ = ["FAILURES", "ApiResponse", "http_session", "innermost", "send"]

LARGEST_RESPONSE = 10 * 1024 ** 2  # bytes
PIECE = 16 * 1024  # bytes; decompressed, a piece may be a thousand times as large
GATEWAY_ERRORS = (502, 503, 504)
# The exceptions that send() raises. OSError: the bundle of certificates is missing. ValueError:
# `requests` cannot read the target of a redirection.
FAILURES = (requests.RequestException, HTTPError, TooLarge, OSError, ValueError)


class ApiResponse(NamedTuple):
    """A whole response, and the URL that it came from."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self) -> Any:
        """Return the decoded body, None if it is empty; raises ValueError if it is no JSON."""
        return loads(self.content.decode("utf-8")) if self.content else None


def http_session() -> requests.Session:
    """Return a `requests` session whose timeout is for the whole response, not for each read."""
    session = _Session()
    for prefix in ("http://", "https://"):
        session.mount(prefix, _Adapter())
    return session


def send(session: requests.Session, method: str, url: str, timeout: float,
         retry_delays: Sequence[float] = (), **options: Any) -> ApiResponse:
    """Send a request, without following redirections.

    Requests that are safe to repeat are retried: a request whose connection was refused, and a GET
    whose connection was cut or to which a gateway responded with 502 to 504.

    Args:
        session: from http_session().
        timeout: seconds for each attempt. No retry begins later than that after the first attempt,
            so all attempts together take less than twice the timeout.
        retry_delays: seconds before each retry; empty for no retries.
        options: those of requests.Session.request, and `largest`: the maximum size in bytes.

    Returns:
        The response, also one with an error status.

    Raises:
        TooLarge: the response has more than `largest` bytes (LARGEST_RESPONSE by default).
        FAILURES: any of these exceptions: `requests`, urllib3 or the system failed.
    """
    deadline = time.monotonic() + timeout
    for delay in retry_delays:
        try:
            response = _attempt(session, method, url, timeout=timeout, **options)
            if method != "GET" or response.status not in GATEWAY_ERRORS:
                return response
        except FAILURES as error:
            if not _is_harmless(method, error) or time.monotonic() + delay > deadline:
                raise
        time.sleep(delay)
    return _attempt(session, method, url, timeout=timeout, **options)


def innermost(error: BaseException) -> BaseException:
    """Return the root cause of an exception, to show instead of the exception.

    The exceptions that `requests` wraps around the cause contain the URL, which may be secret.
    """
    while True:
        cause = error.__cause__ or error.__context__ or next(
            (arg for arg in error.args if isinstance(arg, BaseException)), None)
        if cause is None:
            return error
        error = cause


def _attempt(session: requests.Session, method: str, url: str, largest: int = 0,
             **options: Any) -> ApiResponse:
    with session.request(method, url, allow_redirects=False, stream=True, **options) as response:
        return ApiResponse(response.status_code, response.reason, response.headers,
                           _content_of(response, largest or LARGEST_RESPONSE), response.url)


def _content_of(response: requests.Response, largest: int) -> bytes:
    content = bytearray()
    for piece in response.iter_content(PIECE):
        content += piece
        if len(content) > largest:
            raise TooLarge(f"The response has more than {largest // 1024} KiB.")
    return bytes(content)


def _is_harmless(method: str, error: BaseException) -> bool:
    """Return whether a retry is harmless: no server was reached, or a GET's connection was cut."""
    root = innermost(error)
    return isinstance(root, ConnectionRefusedError) or method == "GET" and (
        isinstance(root, (ConnectionError, IncompleteRead)))


class _Session(requests.Session):
    """A session that reads the proxy settings of the environment once per host, not per call."""

    def __init__(self) -> None:
        super().__init__()
        self._merged: Dict[str, Any] = {}

    def merge_environment_settings(self, url: Any, *options: Any, **more: Any) -> Any:
        key = repr((urlsplit(url)[:2], options, more))
        if key not in self._merged:
            self._merged[key] = super().merge_environment_settings(url, *options, **more)
        return dict(self._merged[key])


class _TimedFile(io.RawIOBase):
    """A file that reads from a socket, with one timeout for all reads together."""

    def __init__(self, sock: Any):
        self._socket, self._file = sock, sock.makefile("rb", buffering=0)
        self._timeout = sock.gettimeout()
        self._deadline = time.monotonic() + (self._timeout or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._timeout is None:
            return self._file.readinto(buffer)
        # A timeout of 0 would make the socket non-blocking.
        self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
        try:
            return self._file.readinto(buffer)
        finally:
            self._socket.settimeout(self._timeout)

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedSocket:
    """A socket for HTTPResponse (which calls only makefile()) whose file is a _TimedFile."""

    def __init__(self, sock: Any):
        self._socket = sock

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedFile(self._socket))


class _TimedResponse(HTTPResponse):
    """A response that must be read as a whole within the socket's timeout."""

    def __init__(self, sock: Any, *args: Any, **options: Any):
        timed: Any = _TimedSocket(sock)
        super().__init__(timed, *args, **options)


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Makes `requests` use connections with _TimedResponse, directly and through a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
