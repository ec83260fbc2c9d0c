"""HTTP calls whose response comes in full within a timeout and within a size."""
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
PIECE = 16 * 1024  # bytes; what is compressed in one may become a thousand times as much
GATEWAY_TROUBLE = (502, 503, 504)
# What send() raises where no response comes. OSError: a bundle of certificates that is not there;
# ValueError: requests reads a redirection's target, followed or not.
FAILURES = (requests.RequestException, HTTPError, TooLarge, OSError, ValueError)


class ApiResponse(NamedTuple):
    """A whole response: its status and reason, its headers, its body, and the URL it came from."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self) -> Any:
        """Return the body's JSON, None for an empty one; ValueError if it is none, or too deep."""
        return loads(self.content.decode("utf-8")) if self.content else None


def http_session() -> requests.Session:
    """Make a session whose timeout is for the whole of a response, not for each read of it."""
    session = _Session()
    for prefix in ("http://", "https://"):
        session.mount(prefix, _Adapter())
    return session


def send(session: requests.Session, method: str, url: str, timeout: float,
         retry_delays: Sequence[float] = (), **options: Any) -> ApiResponse:
    """Send a request; return the response, whatever its status. Redirections are not followed.

    What can do no harm is sent again: a request whose connection was refused, and a GET whose
    connection was cut or that a gateway answered with 502 to 504.

    Args:
        session: from http_session().
        timeout: seconds for each attempt. No further one begins after it, so that all take less
            than twice as long.
        retry_delays: seconds before each further attempt.
        options: those of requests.Session.request, and `largest`, in bytes.

    Raises:
        TooLarge: the response has more than `largest` bytes (LARGEST_RESPONSE).
        FAILURES: what requests, urllib3 and the system raise otherwise.
    """
    deadline = time.monotonic() + timeout
    for delay in retry_delays:
        try:
            response = _attempt(session, method, url, timeout=timeout, **options)
            if method != "GET" or response.status not in GATEWAY_TROUBLE:
                return response
        except FAILURES as error:
            if not _is_harmless(method, error) or time.monotonic() + delay > deadline:
                raise
        time.sleep(delay)
    return _attempt(session, method, url, timeout=timeout, **options)


def innermost(error: BaseException) -> BaseException:
    """Return the root cause: what requests and urllib3 wrap around it names the whole URL."""
    while True:
        inside = error.__cause__ or error.__context__ or next(
            (each for each in error.args if isinstance(each, BaseException)), None)
        if inside is None:
            return error
        error = inside


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
    """Tell whether the server has not seen a request, or has seen one that changes nothing."""
    root = innermost(error)
    return isinstance(root, ConnectionRefusedError) or method == "GET" and (
        isinstance(root, (ConnectionError, IncompleteRead)))


class _Session(requests.Session):
    """Looks through the environment for a host's proxy once, and not at each call."""

    def __init__(self) -> None:
        super().__init__()
        self._merged: Dict[str, Any] = {}

    def merge_environment_settings(self, url: Any, *options: Any, **more: Any) -> Any:
        asked = repr((urlsplit(url)[:2], options, more))
        if asked not in self._merged:
            self._merged[asked] = super().merge_environment_settings(url, *options, **more)
        return dict(self._merged[asked])


class _TimedFile(io.RawIOBase):
    """What a socket receives, until its timeout is over."""

    def __init__(self, sock: Any):
        self._socket, self._file = sock, sock.makefile("rb", buffering=0)
        self._timeout = sock.gettimeout()
        self._deadline = time.monotonic() + (self._timeout or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._timeout is None:
            return self._file.readinto(buffer)
        # A timeout of 0 would mean not to wait at all, and not to fail either.
        self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
        try:
            return self._file.readinto(buffer)
        finally:
            self._socket.settimeout(self._timeout)

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedSocket:
    """As much of a socket as a response takes."""

    def __init__(self, sock: Any):
        self._socket = sock

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedFile(self._socket))


class _TimedResponse(HTTPResponse):

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

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
