"""The WSGI application: takes what HipChat posts, and answers 204 once it is on disk."""
import hmac
import ipaddress
import json
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple, Union
from urllib.parse import urlsplit

import eventlet

from hipchat.events import read_body, room_id
from hipchat.health_url import details_url
from listening.arrivals import WrongRoom, arrival
from listening.health import Health
from hipchat.settings import SensorSettings
from listening.signed_request import is_signed
from listening.spool import Arrival, Spool, SpoolError
from hipchat.webhook_url import Address, NamedAddress, WebhookUrl

__all__ = ["Receiver"]

LARGEST_BODY = 1024 * 1024  # bytes


class Answer(NamedTuple):
    """What is sent back: a status line, and a line of text: HipChat would post JSON in the room."""

    status: str
    text: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Tuple[Tuple[str, str], ...] = ()


ACCEPTED = Answer("204 No Content")
NOT_FOUND = Answer("404 Not Found", "There is nothing here.\n")
NOT_ALLOWED = Answer("403 Forbidden", "This address is not allowed.\n")
NOT_SIGNED = Answer("401 Unauthorized", "A valid JWT is required.\n",
                    headers=(("WWW-Authenticate", "JWT"),))
TOO_LARGE = Answer("413 Payload Too Large", "The body is larger than 1 MiB.\n")
NO_LENGTH = Answer("411 Length Required", "A Content-Length is required.\n")
TOO_SLOW = Answer("408 Request Timeout", "The request took too long to arrive.\n")
FAILED = Answer("500 Internal Server Error", "The request could not be answered.\n")
INCOMPLETE = Answer("400 Bad Request", "The body did not arrive whole.\n")
UNAVAILABLE = Answer("503 Service Unavailable", "Deliveries cannot be kept now.\n",
                     headers=(("Retry-After", "60"),))


def _wrong_method(allowed: str) -> Answer:
    return Answer("405 Method Not Allowed", "Only {} is allowed here.\n".format(allowed),
                  headers=(("Allow", allowed),))


class Receiver:
    """Answers `POST {public_url}/{event}/{room id}/{signature}` and `GET {public_url}/health`.

    For probes, `GET {public_url}/health?strict` answers 503 while deliveries are not accepted; for
    hipchat.check, `GET {public_url}/health/{signature}` tells troubles by name. A delivery is
    answered 204 when the spool has it on disk; then notify is called with its lane.
    room_of: the room of a webhook that version 0.1.0 made, None if it is not known; it is told
    which one the body names.
    """

    def __init__(self, settings: SensorSettings, urls: WebhookUrl,
                 room_of: Callable[[NamedAddress, Optional[int]], Optional[int]], spool: Spool,
                 notify: Callable[[str], None], health: Health):
        public = urlsplit(settings.public_url)
        self._origin = "{}://{}".format(public.scheme, public.netloc)
        self._health_path = public.path + "/health"
        self._details_path = urlsplit(details_url(settings.public_url, settings.secret)).path
        self._settings = settings
        self._urls, self._room_of, self._spool, self._notify = urls, room_of, spool, notify
        self._health = health
        self._misused: Set[Address] = set()
        self.accepting = False
        health.promise(lambda: self.accepting, "listener: deliveries are not accepted")

    def __call__(self, environ: Dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        """The WSGI application."""
        try:
            answer = self._answer(environ)
        except eventlet.Timeout:
            answer = TOO_SLOW
        except Exception as error:
            self._health.happened("listener", "a request could not be answered", "This is a defect "
                                  "of the pack; please report it: {:.300}.".format(repr(error)))
            answer = FAILED
        headers: List[Tuple[str, str]] = list(answer.headers)
        if answer.text:
            headers.append(("Content-Type", answer.content_type))
        start_response(answer.status, headers)
        text = "" if environ["REQUEST_METHOD"] == "HEAD" else answer.text
        return [text.encode("utf-8")]

    def _answer(self, environ: Dict[str, Any]) -> Answer:
        if not self._is_allowed(environ["REMOTE_ADDR"]):
            return NOT_ALLOWED
        path = _path(environ)
        method = environ["REQUEST_METHOD"]
        named = hmac.compare_digest(path.encode(), self._details_path.encode())
        if named or path == self._health_path:
            return (self._report(named, environ.get("QUERY_STRING") == "strict")
                    if method in ("GET", "HEAD") else _wrong_method("GET, HEAD"))
        address = self._urls.read(self._origin + path)
        if address is None:
            return NOT_FOUND
        if method != "POST":
            return _wrong_method("POST")
        integration = self._settings.api.integration
        if integration and not is_signed(environ, *integration):
            return NOT_SIGNED
        if not self.accepting:
            return UNAVAILABLE
        return self._receive(address, environ)

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
        status = "503 Service Unavailable" if strict and not self.accepting else "200 OK"
        return Answer(status, json.dumps(report) + "\n", "application/json")

    def _receive(self, address: Union[Address, NamedAddress], environ: Dict[str, Any]) -> Answer:
        if "HTTP_TRANSFER_ENCODING" in environ:  # eventlet reads chunks of any length and number
            return NO_LENGTH
        expected = int(environ.get("CONTENT_LENGTH") or 0)
        if expected > LARGEST_BODY:
            return TOO_LARGE
        try:
            raw = environ["wsgi.input"].read(LARGEST_BODY + 1)
        except (OSError, ValueError):
            return INCOMPLETE
        if len(raw) > LARGEST_BODY:
            return TOO_LARGE
        if len(raw) < expected:
            return INCOMPLETE
        environ["hipchat.arrived"]()
        try:
            return self._keep(self._arrival(address, raw))
        except ValueError as error:
            return Answer("400 Bad Request", "{}.\n".format(error))

    def _arrival(self, address: Union[Address, NamedAddress], raw: bytes) -> Arrival:
        body, (event, room) = read_body(raw), address
        if isinstance(address, NamedAddress):
            room = self._room_of(address, room_id(body)) or room
        try:
            return arrival(event, room, raw, body)
        except WrongRoom:
            self._health.dropped["misplaced"] += 1
            if isinstance(address, Address) and address not in self._misused:
                self._misused.add(address)
                self._health.happened(
                    "listener", "what was posted for one room tells of another, and was refused",
                    "The address was that for {} in room {}. Somebody else knows it: HipChat shows "
                    "it to the room's admins. It is told once for each address.".format(*address),
                    about=repr(address))
            raise

    def _keep(self, arrived: Arrival) -> Answer:
        try:
            kept = self._spool.put(arrived)
        except SpoolError as error:
            self._health.trouble("spool", "deliveries are refused", str(error))
            return UNAVAILABLE
        self._health.well("spool")
        if kept:
            self._health.accepted += 1
            self._notify(arrived.lane)
        else:
            self._health.dropped["repeated"] += 1
        return ACCEPTED


def _path(environ: Dict[str, Any]) -> str:
    """The path as it was sent; a proxy may send the whole URL (RFC 9112, 3.2.2)."""
    target = environ["RAW_PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if target.lower().startswith(("http://", "https://")):
        return "/" + target.split("://", 1)[1].partition("/")[2]
    return target
