"""The WSGI application of the webhook endpoint.

Path of a delivery: server.py accepts the connection and calls the Receiver. The checks (checks.py)
verify the client's address, the signed URL and the JWT. The last check, StoreDelivery, inserts the
delivery into the spool and wakes the queue of its room (intake.py). HipChat then receives a 204.
"""
from typing import Any, Callable, Dict, Iterable, List, Optional

import eventlet

from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening.context import Context
from listening.http.addon_routes import AddonRoutes
from listening.http.checks import (
    Accepting, AllowedAddress, Check, HealthPages, JwtCheck, SignedUrlCheck, StoreDelivery)
from listening.http.history_requests import HistoryRequests
from listening.http.intake import Intake
from listening.http.request import Request
from listening.http.responses import FAILED, NOT_FOUND, TOO_SLOW, HttpResponse, RequestRejected

__all__ = ["Receiver"]


class Receiver:
    """Answers each HTTP request: runs it through the checks until one returns a response.

    HipChat posts the deliveries of a room webhook to `{public_url}/{event}/{room ID}/{signature}`,
    and those of the add-on below `{public_url}/addon`.
    """

    def __init__(self, context: Context, urls: WebhookUrl, addon: AddonRoutes, intake: Intake,
                 webhook_delivered: Callable[[Address, int], None],
                 request_check: Callable[[Optional[int]], None]):
        history = HistoryRequests(intake, request_check)
        self._health, self._accepting = context.health, Accepting(history, intake)
        self._checks: List[Check] = [
            AllowedAddress(context.settings),
            HealthPages(context, addon, self._accepting),
            SignedUrlCheck(context.settings, urls, addon),
            JwtCheck(context, addon, history),
            self._accepting,
            StoreDelivery(context, addon, intake, history, webhook_delivered)]
        context.health.promise(lambda: self.accepting or intake.is_standby,
                               "listener: deliveries are not accepted")

    @property
    def accepting(self) -> bool:
        """True if this sensor is active and accepts deliveries; if False, they get a 503."""
        return self._accepting.is_open

    @accepting.setter
    def accepting(self, accepting: bool) -> None:
        self._accepting.is_open = accepting

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
            request = Request.of(environ)
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
