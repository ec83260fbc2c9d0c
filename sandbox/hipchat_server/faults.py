"""Faults on request: the API delays, fails, limits the rate or resets connections."""

import json
import os
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Optional, Union

from flask import Response

from sandbox.hipchat_server.request_log import WsgiApp, raw_path
from sandbox.hipchat_server.errors import error_body

# The forms of HipChat's `X-Ratelimit-Reset`; arguments: its Unix time, and seconds until then.
RESETS: Dict[str, Callable[[float, float], str]] = {
    "float": lambda at, seconds: f"{at:.1f}",
    "integer": lambda at, seconds: f"{at:.0f}",
    "relative": lambda at, seconds: f"{seconds:.0f}",
}


@dataclass
class Fault:
    """A fault for the requests that it matches.

    Attributes:
        paths: a regular expression, searched in the path.
        methods: all methods if empty.
        status, body: the response in place of the API's.
        delay: seconds before the response.
        reset: whether the connection is reset in place of a response.
        rate_limited: whether the response is a 429, or the form of its reset, one of RESETS.
        resets_in: seconds until that reset.
        every: only every n-th request is matched.
        times: the maximum number of matched requests.
    """

    paths: str = ""
    methods: List[str] = field(default_factory=list)
    status: Optional[int] = None
    body: Any = None
    delay: float = 0
    reset: bool = False
    rate_limited: Union[bool, str] = False
    resets_in: float = 1
    every: int = 1
    times: Optional[int] = None
    seen: int = field(default=0, init=False)
    done: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        re.compile(self.paths)
        if self.rate_limited and self.rate_limited is not True and (
                self.rate_limited not in RESETS):
            raise ValueError(f"rate_limited is true or one of {', '.join(RESETS)}")

    def applies(self, method: str, path: str) -> bool:
        """Count a request, and return whether the fault applies to it."""
        if self.methods and method not in self.methods or not re.search(self.paths, path):
            return False
        self.seen += 1
        if self.seen % self.every or self.done == self.times:
            return False
        self.done += 1
        return True

    def response(self) -> Optional[Response]:
        """Return the response in place of the API's; None for the API's own."""
        if self.rate_limited:
            form = "float" if self.rate_limited is True else self.rate_limited
            return self._too_many_requests(RESETS[form])
        if self.status is None and self.body is None:
            return None
        status, body = self.status or 200, self.body
        if body is None:
            body = error_body(status, "A fault was requested")
        text = body if isinstance(body, str) else json.dumps(body)
        return Response(text, status, mimetype="application/json")

    def _too_many_requests(self, form: Callable[[float, float], str]) -> Response:
        headers = {"X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0",
                   "X-Ratelimit-Reset": form(time.time() + self.resets_in, self.resets_in)}
        return Response(json.dumps(error_body(429, "Rate Limit exceeded")), 429, headers,
                        mimetype="application/json")


class Faults:
    """The faults that are set; the first one that matches a request applies to it."""

    def __init__(self) -> None:
        self._faults: List[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def disturb(self, app: WsgiApp) -> WsgiApp:
        """Wrap a WSGI app so that the faults apply to its API requests."""

        def disturbed(environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
            fault = self._striking(environ)
            if fault is None:
                return app(environ, start_response)
            time.sleep(fault.delay)
            if fault.reset:
                reset(environ["werkzeug.socket"])
            return (fault.response() or app)(environ, start_response)

        return disturbed

    def _striking(self, environ: Dict[str, Any]) -> Optional[Fault]:
        if not environ["PATH_INFO"].startswith("/v2"):
            return None
        call = environ["REQUEST_METHOD"], raw_path(environ)
        with self._lock:
            return next((fault for fault in self._faults if fault.applies(*call)), None)


def reset(connection: socket.socket) -> None:
    """Close a connection so that the client sees a reset; raise an error to end the request."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Detach it first, or the server would shut it down in an orderly way.
    os.close(connection.detach())
    raise ConnectionResetError("a fault was asked for")
