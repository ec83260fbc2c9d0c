"""Handles the HTTP requests for the add-on: its descriptor, icon, and installation callbacks."""
import hashlib
import hmac
import json
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

from hipchat.config.addon import SCOPES
from hipchat.webhook.addon_urls import AddonUrls
from listening.addon.claim import Claim
from listening.addon.installation import Installation
from listening.addon.verification import InstallationRefused
from listening.http.checks import Request
from listening.http.responses import (
    ACCEPTED, NOT_FOUND, HttpResponse, bad_request, read_request_body, wrong_method)

__all__ = ["AddonRoutes"]

NAME = "StackStorm"  # the sender of notifications in HipChat
DESCRIPTION = "Event-driven automation: messages and events in rooms start StackStorm's rules."
ICON = Path(__file__).resolve().parents[3] / "icon.png"  # the pack's own

Route = Tuple[str, Callable[[], HttpResponse]]  # the HTTP method, and the handler of the request


class AddonRoutes:
    """Responds to requests for the add-on's descriptor and icon, and to callbacks.

    URLs that contain a secret are looked up in dicts, which compare hashes first. So the time of a
    response reveals something about hashes, and nothing about the secret.
    """

    def __init__(self, installation: Installation):
        self._installation = installation

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        # HipChat Server appends a slash to the URL of a callback.
        url = request.url[:-1] if request.url.endswith("/") else request.url
        method, handler = self._route(url, request.environ) or ("", None)
        if handler is None:
            return None
        return handler() if request.method == method else wrong_method(method)

    def _route(self, url: str, environ: Dict[str, Any]) -> Optional[Route]:
        """Return the route for a URL; None if the URL is unknown.

        While the datastore was not read yet, all URLs are unknown; if the config disables the
        add-on, all but the one for its uninstallation.
        """
        urls = self._installation.urls
        if urls is None:
            return None
        parent, _, last = url.rpartition("/")
        if hmac.compare_digest(parent.encode("utf-8"), urls.installed.encode("utf-8")):
            return "DELETE", partial(self._uninstall, last)
        routes: Dict[str, Route] = {
            urls.descriptor: ("GET", partial(_descriptor, urls)), urls.avatar: ("GET", _avatar),
            urls.installed: ("POST", partial(self._install, environ)),
            urls.updated: ("POST", partial(self._install, environ))}
        return routes.get(url) if self._installation.enabled else None

    def _install(self, environ: Dict[str, Any]) -> HttpResponse:
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

    def _uninstall(self, oauth_id: str) -> HttpResponse:
        self._installation.uninstalled(oauth_id)
        return ACCEPTED


def _descriptor(urls: AddonUrls) -> HttpResponse:
    """Respond with the descriptor in HipChat's schema (api.hipchat.com/v2/capabilities/addon).

    Only a global installation receives the events of all rooms. The add-on's key differs for each
    public_url, so that two StackStorms can be installed in one HipChat.
    """
    place = hashlib.sha256(urls.avatar.encode("utf-8")).hexdigest()[:12]
    descriptor = {
        "key": "com.stackstorm.hipchat." + place,
        "name": NAME,
        "description": DESCRIPTION,
        "links": {"self": urls.descriptor},
        "capabilities": {
            "hipchatApiConsumer": {
                "fromName": NAME, "avatar": {"url": urls.avatar}, "scopes": list(SCOPES)},
            "installable": {
                "allowGlobal": True, "allowRoom": False,
                "callbackUrl": urls.installed, "updateCallbackUrl": urls.updated},
            "webhook": [
                {"event": event, "name": NAME, "key": "st2." + event, "url": url,
                 "authentication": "jwt"} for url, event in urls.events.items()]}}
    return HttpResponse("200 OK", json.dumps(descriptor) + "\n", "application/json")


def _avatar() -> HttpResponse:
    try:
        return HttpResponse("200 OK", ICON.read_bytes(), "image/png")
    except OSError:
        return NOT_FOUND
