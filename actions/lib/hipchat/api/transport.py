"""HTTP connections on which an answer comes in full within the timeout, and within a size."""
import io
import time
from http.client import HTTPResponse
from typing import Any, Dict, Optional
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from hipchat.errors import TooLarge

__all__ = ["LARGEST_ANSWER", "content_of", "session"]

LARGEST_ANSWER = 10 * 1024 ** 2  # bytes
PIECE = 16 * 1024  # bytes; what is compressed in one may become a thousand times as much


def session() -> requests.Session:
    """A session whose timeout is for the whole of an answer, not for each read of it."""
    made = _Session()
    for prefix in ("http://", "https://"):
        made.mount(prefix, _Adapter())
    return made


def content_of(response: requests.Response, largest: Optional[int] = None) -> bytes:
    """The body of a response that is streamed; TooLarge for more bytes (LARGEST_ANSWER)."""
    content, largest = bytearray(), LARGEST_ANSWER if largest is None else largest
    for piece in response.iter_content(PIECE):
        content += piece
        if len(content) > largest:
            raise TooLarge(f"The answer has more than {largest // 1024} KiB.")
    return bytes(content)


class _Session(requests.Session):
    """Looks through the environment for a host's proxy once, and not at each call."""

    def __init__(self) -> None:
        super().__init__()
        self._merged: Dict[Any, Dict[str, Any]] = {}

    def merge_environment_settings(self, url: str, *options: Any) -> Dict[str, Any]:
        asked = repr((urlsplit(url)[:2], options))
        if asked not in self._merged:
            self._merged[asked] = super().merge_environment_settings(url, *options)
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
        super().__init__(_TimedSocket(sock), *args, **options)


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
