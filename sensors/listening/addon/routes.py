"""What HipChat asks of an add-on: its descriptor, news of its installation, and its events."""
import hmac
import json
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

from hipchat.api.credentials import Integration
from listening.addon.claim import Claim
from listening.addon.descriptor import descriptor
from listening.addon.installation import Installation
from listening.http.responses import (
    ACCEPTED, NOT_FOUND, Answer, body_of, wrong_method, wrong_request)

__all__ = ["Routes"]

ICON = Path(__file__).resolve().parents[3] / "icon.png"  # the pack's own

Handler = Callable[[Dict[str, Any]], Answer]


class Routes:
    """Answers below `{public_url}/addon`, as the installation has its URLs.

    (URLs that hold something secret are looked up by their hashes: the time tells nothing.)
    """

    def __init__(self, installation: Installation):
        self._installation = installation
        self.heard = installation.heard

    @property
    def credentials(self) -> Optional[Integration]:
        """The OAuth client in whose name HipChat signs events, None if it is not installed."""
        return self._installation.credentials

    @property
    def secret(self) -> Optional[bytes]:
        """What only the add-on and hipchat.check know; None until the datastore could be read."""
        return self._installation.urls and self._installation.urls.secret

    @property
    def hears(self) -> bool:
        """Whether HipChat is known to deliver all events to it."""
        return self._installation.hears

    def event_of(self, url: str) -> Optional[str]:
        """HipChat's name of the event for which a URL is signed, None if it is none of these."""
        urls = self._installation.urls
        return urls.events.get(url) if urls and self._installation.credentials else None

    def answer(self, url: str, environ: Dict[str, Any]) -> Answer:
        """The answer to a request for anything but an event; raises Refused.

        A slash at the end of a callback's URL is HipChat Server's doing.
        """
        method, handler = self._handler(url[:-1] if url.endswith("/") else url)
        if handler is None:
            return NOT_FOUND
        return handler(environ) if environ["REQUEST_METHOD"] == method else wrong_method(method)

    def _handler(self, url: str) -> Tuple[str, Optional[Handler]]:
        urls = self._installation.urls
        if urls is None:
            return "", None
        parent, _, last = url.rpartition("/")
        if hmac.compare_digest(parent.encode("utf-8"), urls.installed.encode("utf-8")):
            return "DELETE", partial(self._uninstall, last)
        offered = {urls.descriptor: ("GET", self._describe), urls.avatar: ("GET", _avatar),
                   urls.installed: ("POST", self._install), urls.updated: ("POST", self._install)}
        return offered.get(url, ("", None)) if self._installation.enabled else ("", None)

    def _describe(self, environ: Dict[str, Any]) -> Answer:
        return Answer("200 OK", json.dumps(descriptor(self._installation.urls)) + "\n",
                      "application/json")

    def _install(self, environ: Dict[str, Any]) -> Answer:
        try:
            claim = Claim.read(body_of(environ))
        except ValueError as error:
            return wrong_request(error)
        self._installation.install(claim)
        return Answer("200 OK")

    def _uninstall(self, number: str, environ: Dict[str, Any]) -> Answer:
        self._installation.uninstalled(number)
        return ACCEPTED


def _avatar(environ: Dict[str, Any]) -> Answer:
    try:
        return Answer("200 OK", ICON.read_bytes(), "image/png")
    except OSError:
        return NOT_FOUND
