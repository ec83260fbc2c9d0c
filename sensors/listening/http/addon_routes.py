"""Handles the HTTP requests for the add-on: its descriptor, icon, and installation callbacks."""
import hmac
import json
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

from hipchat.api.credentials import Integration
from hipchat.webhook.addon_urls import AddonUrls
from listening.addon.claim import Claim
from listening.addon.descriptor import descriptor
from listening.addon.installation import Installation
from listening.addon.verification import InstallationRefused
from listening.http.responses import (
    ACCEPTED, NOT_FOUND, HttpResponse, bad_request, read_request_body, wrong_method)

__all__ = ["AddonRoutes"]

ICON = Path(__file__).resolve().parents[3] / "icon.png"  # the pack's own

Environ = Dict[str, Any]
Handler = Callable[[Environ], HttpResponse]


class AddonRoutes:
    """Handles the requests below `{public_url}/addon`, and recognizes the add-on's event URLs.

    URLs that contain a secret are looked up in dicts, which compare hashes first. So the time of a
    response reveals something about hashes, and nothing about the secret.
    """

    def __init__(self, installation: Installation):
        self._installation = installation
        self.note_delivery = installation.note_delivery

    @property
    def credentials(self) -> Optional[Integration]:
        """The OAuth client with whose secret HipChat signs events; None before installation."""
        return self._installation.credentials

    @property
    def secret(self) -> Optional[bytes]:
        """The secret that signs the add-on's URLs; None until the datastore was read.

        The action hipchat.check has this secret, too, and requests the detailed /health page by a
        URL that is signed with the secret.
        """
        urls = self._installation.urls
        return urls.secret if urls else None

    def event_of(self, url: str) -> Optional[str]:
        """Return the event (HipChat's name) of a signed event URL; None for other URLs."""
        urls = self._installation.urls
        return urls.events.get(url) if urls and self._installation.credentials else None

    def respond(self, url: str, environ: Environ) -> HttpResponse:
        """Respond to a request for the descriptor or icon, or to a callback; else with 404.

        Raises:
            RequestRejected: the body of a callback cannot be read.
        """
        # HipChat Server appends a slash to the URL of a callback.
        method, handler = self._handler(url[:-1] if url.endswith("/") else url)
        if handler is None:
            return NOT_FOUND
        return handler(environ) if environ["REQUEST_METHOD"] == method else wrong_method(method)

    def _handler(self, url: str) -> Tuple[str, Optional[Handler]]:
        """Return the HTTP method that a URL accepts, and the function that handles the request.

        Args:
            url: the full URL of the request, without a slash at its end.

        Returns:
            ("", None) if the URL is unknown. While the datastore was not read yet, all URLs are
            unknown; if the config disables the add-on, all but the one for its uninstallation.
        """
        urls = self._installation.urls
        if urls is None:
            return "", None
        parent, _, last = url.rpartition("/")
        if hmac.compare_digest(parent.encode("utf-8"), urls.installed.encode("utf-8")):
            return "DELETE", partial(self._uninstall, last)
        offered: Dict[str, Tuple[str, Optional[Handler]]] = {
            urls.descriptor: ("GET", partial(_describe, urls)), urls.avatar: ("GET", _avatar),
            urls.installed: ("POST", self._install), urls.updated: ("POST", self._install)}
        return offered.get(url, ("", None)) if self._installation.enabled else ("", None)

    def _install(self, environ: Environ) -> HttpResponse:
        try:
            claim = Claim.read(read_request_body(environ))
        except ValueError as error:
            return bad_request(error)
        try:
            self._installation.install(claim)
        except InstallationRefused as refused:
            status = "503 Service Unavailable" if refused.try_again else "403 Forbidden"
            return HttpResponse(status, f"{refused}\n", reason="installation")
        return HttpResponse("200 OK")

    def _uninstall(self, oauth_id: str, environ: Environ) -> HttpResponse:
        self._installation.uninstalled(oauth_id)
        return ACCEPTED


def _describe(urls: AddonUrls, environ: Environ) -> HttpResponse:
    return HttpResponse("200 OK", json.dumps(descriptor(urls)) + "\n", "application/json")


def _avatar(environ: Environ) -> HttpResponse:
    try:
        return HttpResponse("200 OK", ICON.read_bytes(), "image/png")
    except OSError:
        return NOT_FOUND
