"""Logs the API requests, without their tokens."""

import re
import threading
from typing import Any, Callable, Dict, Iterable, List

from sandbox.hipchat_server.models import now

WsgiApp = Callable[..., Iterable[bytes]]


class RequestLog:
    """The API requests so far, oldest first, with the responses that clients received."""

    def __init__(self) -> None:
        self._records: List[Dict[str, Any]] = []
        self._lock = threading.Lock()

    def record(self, app: WsgiApp) -> WsgiApp:
        """Wrap a WSGI app so that its API requests are logged here."""

        def recording(environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
            if not environ["PATH_INFO"].startswith("/v2"):
                return app(environ, start_response)
            call = {"method": environ["REQUEST_METHOD"], "path": raw_path(environ),
                    "status": None, "when": now().isoformat()}
            call["path"] = re.sub("(?<=/oauth/token/).+", "...", call["path"])
            with self._lock:
                self._records.append(call)

            def start(status: str, *more: Any) -> Any:
                call["status"] = int(status.split()[0])
                return start_response(status, *more)

            return app(environ, start)

        return recording

    def report(self) -> List[Dict[str, Any]]:
        """Return the requests; `status` is None while, or if, the client got no response."""
        with self._lock:
            return list(self._records)

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self._records.clear()


def raw_path(environ: Dict[str, Any]) -> str:
    """Return the path of a request as its client sent it, percent-encoded."""
    return environ["REQUEST_URI"].partition("?")[0]
