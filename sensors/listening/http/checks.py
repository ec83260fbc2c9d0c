"""The checks that a request to the webhook endpoint passes, one after the other.

A check is called with the request. If it returns a response or raises RequestRejected, which
contains a response, HipChat gets this response. If it returns None, the next check runs. The last
check stores the delivery.
"""
import hmac
import ipaddress
import json
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional

from hipchat.check.health import details_url, health_url
from hipchat.config.sensor_settings import SensorSettings
from hipchat.events import WrongRoom, read_body, room_id, webhook_id, with_identities
from hipchat.webhook.webhook_url import Address, WebhookUrl
from listening.addon.installation import Installation
from listening.context import Context
from listening.http.intake import Intake
from listening.http.jwt_check import is_signed
from listening.http.responses import (
    ACCEPTED, INACTIVE, NOT_ALLOWED, NOT_FOUND, NOT_SIGNED, UNAVAILABLE, HttpResponse, bad_request,
    read_request_body, wrong_method)
from listening.operations.metrics import CONTENT_TYPE
from listening.spool import SpoolError
from listening.spool.delivery_factory import from_webhook

__all__ = ["Accepting", "AllowedAddress", "Check", "HealthPages", "JwtCheck", "Request",
           "SignedUrlCheck", "StoreDelivery"]


@dataclass
class Request:
    """Passes an HTTP request, and what the checks found in it, from check to check.

    Attributes:
        environ: the request's WSGI environment.
        url: the request's path as it was sent (%-escapes are not decoded), below the scheme and
            host of public_url.
        address: the event and room in the signed URL of a room webhook; None for other URLs.
        addon_event: the event (HipChat's name) of a signed add-on URL; None for other URLs.
    """

    environ: Dict[str, Any]
    url: str
    address: Optional[Address] = None
    addon_event: Optional[str] = None

    @property
    def method(self) -> str:
        return self.environ["REQUEST_METHOD"]

    @property
    def room_id(self) -> Optional[int]:
        """The room ID in the signed URL of a room webhook; None for other URLs."""
        return self.address.room_id if self.address else None


Check = Callable[[Request], Optional[HttpResponse]]


class AllowedAddress:
    """Rejects clients whose IP address is not in the config's webhook.allow_from."""

    def __init__(self, settings: SensorSettings):
        self._networks = settings.allow_from

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        if not self._networks:
            return None
        client: Any = ipaddress.ip_address(request.environ["REMOTE_ADDR"].partition("%")[0])
        client = getattr(client, "ipv4_mapped", None) or client
        return None if any(client in network for network in self._networks) else NOT_ALLOWED


class HealthPages:
    """Serves the pages about the sensor's state.

    - `{public_url}/health` is for people and monitoring.
    - `{public_url}/health?strict` is for probes: 503 while deliveries are not accepted.
    - `{public_url}/health/{signature}` is for hipchat.check: it also names rooms and people.
    - `{public_url}/metrics` is for Prometheus.
    """

    def __init__(self, context: Context, addon: Installation, intake: Intake):
        self._settings, self._health = context.settings, context.health
        self._addon, self._intake = addon, intake
        self._health_url = health_url(context.settings.public_url)
        self._metrics_url = context.settings.public_url + "/metrics"

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        with_details = self._is_details(request.url)
        if not with_details and request.url not in (self._health_url, self._metrics_url):
            return None
        if request.method not in ("GET", "HEAD"):
            return wrong_method("GET, HEAD")
        if request.url == self._metrics_url:
            return HttpResponse("200 OK", self._health.metrics.text(), CONTENT_TYPE)
        report = self._health.report()
        if with_details:
            report["details"] = self._health.details()
        is_strict = request.environ.get("QUERY_STRING") == "strict"
        status = "503 Service Unavailable" if is_strict and not self._intake.accepts else "200 OK"
        return HttpResponse(status, json.dumps(report) + "\n", "application/json")

    def _is_details(self, url: str) -> bool:
        secret = self._settings.secret or (self._addon.urls and self._addon.urls.secret)
        if not secret or not url.startswith(self._health_url + "/"):
            return False
        details = details_url(self._settings.public_url, secret)
        return hmac.compare_digest(url.encode(), details.encode())


class SignedUrlCheck:
    """Verifies a delivery's signed URL, and stores the URL's event and room in the request."""

    def __init__(self, urls: WebhookUrl, addon: Installation):
        self._urls, self._addon = urls, addon

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        request.addon_event = self._addon.event_of(request.url)
        request.address = None if request.addon_event else self._urls.read(request.url)
        if not request.addon_event and not request.address:
            return NOT_FOUND
        return None if request.method == "POST" else wrong_method("POST")


class JwtCheck:
    """Rejects a delivery without a valid JWT, if HipChat signs its deliveries with one.

    HipChat signs deliveries for an integration and for an add-on, not for a personal token.
    """

    def __init__(self, context: Context, addon: Installation, intake: Intake):
        self._integration, self._addon = context.settings.api.integration, addon
        self._health, self._now, self._intake = context.health, context.client.now, intake

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        client = self._addon.credentials if request.addon_event else self._integration
        if not client or is_signed(request.environ, client.oauth_id, client.secret, self._now()):
            return None
        self._health.record_incident(
            "listener", "a request to a signed address has no valid JWT", "Another party knows the "
            "address, or HipChat signs with a secret that is not the one in the config.")
        if request.address:  # the add-on's URL is for all rooms: too many to check
            self._intake.request_check_throttled(request.address.room_id)
        return NOT_SIGNED


class Accepting:
    """Rejects deliveries before the spool is open, while the sensor stops, and on a standby."""

    def __init__(self, intake: Intake):
        self._intake = intake

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        if self._intake.is_open and not self._intake.is_standby:
            return None
        self._intake.request_check(request.room_id)
        return INACTIVE


class StoreDelivery:
    """Stores the delivery of a request, and responds with 204 once the delivery is on disk."""

    def __init__(self, context: Context, addon: Installation, intake: Intake,
                 webhook_delivered: Callable[[Address, int], None]):
        """Args:
            webhook_delivered: called with the address of a room webhook's delivery, and the webhook
                ID in the body (0 without one).
        """
        self._health, self._now = context.health, context.client.now
        self._addon, self._intake = addon, intake
        self._webhook_delivered = webhook_delivered

    def __call__(self, request: Request) -> Optional[HttpResponse]:
        try:
            return self._store(request)
        except WrongRoom as error:
            if request.address:
                self._health.record_incident(
                    "listener", "a request for one room names another room, and was refused",
                    "Its address is the one for {} in room {}. Another party knows this address: "
                    "HipChat shows it to the room's admins.".format(*request.address),
                    about=repr(request.address))
            return bad_request(error, "wrong room")
        except ValueError as error:
            return bad_request(error)
        except BaseException:  # incomplete, too slow, or a defect
            self._intake.request_check_throttled(request.room_id)
            raise

    def _store(self, request: Request) -> HttpResponse:
        """Store a delivery. Raises ValueError, or WrongRoom, if the body is wrong."""
        raw = read_request_body(request.environ)
        body = read_body(raw)
        address = request.address or self._addon_address(request, body)
        body = with_identities(body, {"id": address.room_id})
        if request.address:
            self._webhook_delivered(address, webhook_id(body))
        else:
            self._addon.note_delivery()
        try:
            is_new = self._intake.insert(from_webhook(
                event=address.event, room_id=address.room_id, raw=raw, body=body, now=self._now()))
        except SpoolError as error:
            self._health.set_problem("spool", "deliveries are refused", str(error))
            self._intake.request_check(address.room_id)
            return UNAVAILABLE
        self._health.clear_problem("spool")
        self._health.count(address.event, "accepted" if is_new else "repeated")
        return ACCEPTED

    def _addon_address(self, request: Request, body: Dict[str, Any]) -> Address:
        """Return the event and room of an add-on's delivery: the room ID is in the signed body."""
        stated_room_id, credentials = room_id(body), self._addon.credentials
        if stated_room_id is None:
            raise ValueError("the body has no room ID")
        if credentials and body.get("oauth_client_id") not in (None, credentials.oauth_id):
            raise ValueError("the body is for another installation")
        return Address(str(request.addon_event), stated_room_id)
