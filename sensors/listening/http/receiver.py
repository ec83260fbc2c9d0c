"""The WSGI application: takes what HipChat posts, and answers 204 once it is on disk."""
import hmac
import ipaddress
import json
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple
from urllib.parse import urlsplit

import eventlet

from hipchat.events import read_body, room_id
from hipchat.check.health import details_url, health_url
from listening.addon.routes import Routes
from listening.addon.twins import Twins
from listening.http.responses import (
    ACCEPTED, FAILED, NOT_ALLOWED, NOT_SIGNED, TOO_SLOW, UNAVAILABLE, Answer, Refused, body_of,
    wrong_method, wrong_request)
from listening.spool.delivery_factory import WrongRoom, from_webhook
from listening.context import Context
from listening.http.intake import Intake
from listening.http.throttle import Throttle
from listening.http.jwt_check import is_signed
from listening.spool import Delivery, SpoolError
from hipchat.webhook.webhook_url import Address, WebhookUrl

__all__ = ["Receiver"]


class Receiver:
    """Answers `POST {public_url}/{event}/{room id}/{signature}` and `GET {public_url}/health`.

    For probes, `GET {public_url}/health?strict` answers 503 while deliveries are not accepted; for
    hipchat.check, `GET {public_url}/health/{signature}` tells troubles by name. A delivery is
    answered 204 when intake has it on disk. request_check is called where one had to be refused
    for now, with its room if known; and where one is not signed or does not arrive whole, but
    rarely, as anybody who knows its address can do that.

    What lies below `{public_url}/addon` are the routes of the add-on, whose events are of the room
    that their body names. While it hears all rooms, note_leftover is called with the address
    of a webhook in a room that delivers all the same.
    """

    def __init__(self, context: Context, urls: WebhookUrl, addon: Routes, intake: Intake,
                 note_leftover: Callable[[Address], None],
                 request_check: Callable[[Optional[int]], None]):
        settings, health = context.settings, context.health
        public = urlsplit(settings.public_url)
        self._origin = f"{public.scheme}://{public.netloc}"
        self._health_path = urlsplit(health_url(settings.public_url)).path
        self._settings, self._health, self._now = settings, health, context.client.now
        self._urls, self._addon, self._intake = urls, addon, intake
        self._note_leftover = note_leftover
        self._request_check, self._perhaps_missed = request_check, Throttle(self._missed)
        self._twins = Twins()
        self._misused: Set[Address] = set()
        self.accepting = False
        health.promise(lambda: self.accepting, "listener: deliveries are not accepted")

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            answer = self._answer(environ)
        except Refused as refused:
            answer = refused.answer
        except eventlet.Timeout:
            answer = TOO_SLOW
        except Exception as error:
            self._health.record_incident("listener", "a request could not be answered",
                                         "This is a defect "
                                  "of the pack; please report it: {:.300}.".format(repr(error)))
            answer = FAILED
        headers: List[Tuple[str, str]] = list(answer.headers)
        content = answer.content
        if content:
            headers.append(("Content-Type", answer.content_type))
        start_response(answer.status, headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            content = b""
        return [content if isinstance(content, bytes) else content.encode("utf-8")]

    def _answer(self, environ: Dict[str, Any]) -> Answer:
        if not self._is_allowed(environ["REMOTE_ADDR"]):
            return NOT_ALLOWED
        path = _path(environ)
        method = environ["REQUEST_METHOD"]
        named = path.startswith(self._health_path + "/") and self._is_details(path)
        if named or path == self._health_path:
            return (self._report(named, environ.get("QUERY_STRING") == "strict")
                    if method in ("GET", "HEAD") else wrong_method("GET, HEAD"))
        url = self._origin + path
        event, address = self._addon.event_of(url), self._urls.read(url)
        if event is None and address is None:
            return self._addon.answer(url, environ)
        if method != "POST":
            return wrong_method("POST")
        integration = self._addon.credentials if event else self._settings.api.integration
        if integration and not is_signed(environ, *integration, self._now()):
            return self._not_signed(address)
        room = address.room if address else None
        if not self.accepting:
            self._missed(room)
            return UNAVAILABLE
        try:
            return (self._receive_of_addon(event, environ) if event else
                    self._receive_of_room(address, environ))
        except ValueError as error:
            return wrong_request(error)
        except (Exception, eventlet.Timeout):
            self._perhaps_missed(room)
            raise

    def _missed(self, room: Optional[int]) -> None:
        if self._intake.hangs:  # the answer must not wait for the disk, as this does
            eventlet.spawn(self._request_check, room)
        else:
            self._request_check(room)

    def _not_signed(self, address: Optional[Address]) -> Answer:
        """It may be HipChat's. (That of an add-on may be of any room, and these are too many.)"""
        self._health.dropped["unsigned"] += 1
        self._health.record_incident(
            "listener", "what was posted to a signed address has no valid JWT", "Either somebody "
            "else knows the address, or HipChat signs with another secret than is known here.")
        if address:
            self._perhaps_missed(address.room)
        return NOT_SIGNED

    def _is_details(self, path: str) -> bool:
        secret = self._settings.secret or self._addon.secret
        return secret is not None and hmac.compare_digest(path.encode(), urlsplit(
            details_url(self._settings.public_url, secret)).path.encode())

    def _is_allowed(self, address: str) -> bool:
        networks = self._settings.allow_from
        if not networks:
            return True
        client = ipaddress.ip_address(address.partition("%")[0])
        client = getattr(client, "ipv4_mapped", None) or client
        return any(client in network for network in networks)

    def _report(self, named: bool, strict: bool) -> Answer:
        report = self._health.report()
        if named:
            report["details"] = self._health.details()
        refused = strict and (not self.accepting or self._intake.hangs)
        status = "503 Service Unavailable" if refused else "200 OK"
        return Answer(status, json.dumps(report) + "\n", "application/json")

    def _receive_of_addon(self, event: str, environ: Dict[str, Any]) -> Answer:
        raw = body_of(environ)
        body = read_body(raw)
        room, credentials = room_id(body), self._addon.credentials
        if room is None or room < 1:
            raise ValueError("the body names no room by its id")
        if credentials and body.get("oauth_client_id") not in (None, credentials.id):
            raise ValueError("the body is of another installation")
        self._addon.heard()
        return self._keep_one(from_webhook(event, room, raw, body, self._now()), body,
                              by_addon=True)

    def _receive_of_room(self, address: Address, environ: Dict[str, Any]) -> Answer:
        raw = body_of(environ)
        body = read_body(raw)
        delivery = self._delivery(address, raw, body)
        if self._addon.hears:
            self._note_leftover(address)
        return self._keep_one(delivery, body, by_addon=False)

    def _keep_one(self, delivery: Delivery, body: Dict[str, Any], by_addon: bool) -> Answer:
        """Keep one of the two deliveries that come while the add-on and a webhook both deliver."""
        if delivery.dedup_key or not self._addon.credentials:
            return self._keep(delivery)
        if self._twins.take(delivery.event, body["item"], by_addon):
            self._health.dropped["repeated"] += 1
            return ACCEPTED
        kept, answer = self._twins.came(delivery.event, body["item"], by_addon), None
        try:
            answer = self._keep(delivery)
        finally:
            kept.send(answer is ACCEPTED)
        return answer

    def _delivery(self, address: Address, raw: bytes, body: Dict[str, Any]) -> Delivery:
        event, room = address
        try:
            return from_webhook(event, room, raw, body, self._now())
        except WrongRoom:
            self._health.dropped["misplaced"] += 1
            if address not in self._misused:
                self._misused.add(address)
                self._health.record_incident(
                    "listener", "what was posted for one room tells of another, and was refused",
                    "The address was that for {} in room {}. Somebody else knows it: HipChat shows "
                    "it to the room's admins. It is told once for each address.".format(*address),
                    about=repr(address))
            raise

    def _keep(self, delivery: Delivery) -> Answer:
        try:
            kept = self._intake.insert(delivery)
        except SpoolError as error:
            self._health.set_problem("spool", "deliveries are refused", str(error))
            self._missed(delivery.room_id)
            return UNAVAILABLE
        self._health.clear_problem("spool")
        if kept:
            self._health.accepted += 1
        else:
            self._health.dropped["repeated"] += 1
        return ACCEPTED


def _path(environ: Dict[str, Any]) -> str:
    """The path as it was sent; a proxy may send the whole URL (RFC 9112, 3.2.2)."""
    target = environ["RAW_PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if target.lower().startswith(("http://", "https://")):
        return "/" + target.split("://", 1)[1].partition("/")[2]
    return target
