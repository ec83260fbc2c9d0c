"""Records the API calls that were made, without their tokens."""

import re
import threading
from typing import Any, Callable, Dict, Iterable, List

from sandbox.hipchat_server.models import now

WsgiApp = Callable[..., Iterable[bytes]]


class Calls:
    """The calls so far, oldest first, each as its client saw it."""

    def __init__(self) -> None:
        self._records: List[Dict[str, Any]] = []
        self._lock = threading.Lock()

    def record(self, app: WsgiApp) -> WsgiApp:
        """Return `app` with its API calls recorded here."""

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
        """Return the calls; `status` is None where a client got no answer (yet)."""
        with self._lock:
            return list(self._records)

    def forget(self) -> None:
        """Drop the record."""
        with self._lock:
            self._records.clear()


def raw_path(environ: Dict[str, Any]) -> str:
    """Return the path of a request as its client wrote it, percent signs and all."""
    return environ["REQUEST_URI"].partition("?")[0]
