"""The WSGI application of the webhook endpoint, which server.py calls for each request."""
from typing import Any, Callable, Dict, Iterable, List
from urllib.parse import urlsplit

import eventlet

from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening.addon.installation import Installation
from listening.context import Context
from listening.http.addon_routes import AddonRoutes
from listening.http.checks import (
    Accepting, AllowedAddress, Check, HealthPages, JwtCheck, Request, SignedUrlCheck, StoreDelivery)
from listening.http.intake import Intake
from listening.http.responses import FAILED, NOT_FOUND, TOO_SLOW, HttpResponse, RequestRejected

__all__ = ["Receiver"]


class Receiver:
    """Answers each HTTP request: runs it through the checks until one returns a response.

    HipChat posts the deliveries of a room webhook to `{public_url}/{event}/{room ID}/{signature}`,
    and those of the add-on below `{public_url}/addon`.
    """

    def __init__(self, context: Context, urls: WebhookUrl, addon: Installation, intake: Intake,
                 webhook_delivered: Callable[[Address, int], None]):
        public_url = urlsplit(context.settings.public_url)
        self._origin = f"{public_url.scheme}://{public_url.netloc}"
        self._health = context.health
        self._checks: List[Check] = [
            AllowedAddress(context.settings),
            HealthPages(context, addon, intake),
            AddonRoutes(addon),
            SignedUrlCheck(urls, addon),
            JwtCheck(context, addon, intake),
            Accepting(intake),
            StoreDelivery(context, addon, intake, webhook_delivered)]
        context.health.promise(lambda: intake.is_open or intake.is_standby,
                               "listener: deliveries are not accepted")

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        response = self._respond(environ)
        if environ["REQUEST_METHOD"] == "POST" and response.status >= "400":
            self._health.count_refused(response.status, response.reason, str(response.content))
        content, headers = response.content, list(response.headers)
        if content:
            headers.append(("Content-Type", response.content_type))
        start_response(response.status, headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            content = b""
        return [content if isinstance(content, bytes) else content.encode("utf-8")]

    def _respond(self, environ: Dict[str, Any]) -> HttpResponse:
        try:
            request = Request(environ, self._origin + _path(environ))
            for check in self._checks:
                response = check(request)
                if response:
                    return response
        except RequestRejected as rejected:
            return rejected.response
        except eventlet.Timeout:
            return TOO_SLOW
        except Exception as error:
            self._health.record_incident(
                "listener", "a request could not be answered", "This is a defect of the pack; "
                f"please report it: {error!r:.300}.")
            return FAILED
        return NOT_FOUND


def _path(environ: Dict[str, Any]) -> str:
    """Return the path of a request, without decoding %-escapes.

    A proxy may send the whole URL as path (RFC 9112, 3.2.2); only its path is used then.
    """
    path = environ["RAW_PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if path.lower().startswith(("http://", "https://")):
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    return path
