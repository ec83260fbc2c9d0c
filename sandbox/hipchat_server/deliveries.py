"""Takes webhook deliveries to their URLs in the background, and records each attempt."""

import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

import urllib3

from sandbox.hipchat_server import signing
from sandbox.hipchat_server.models import Room, Webhook, now

TIMEOUT_SECONDS = 10

# What HipChat sent, and no User-Agent.
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "gzip", "Connection": "close",
           "User-Agent": urllib3.util.SKIP_HEADER}

Answered = Callable[[Room, Webhook, Dict[str, Any]], None]


@dataclass
class Delivery:
    """One event on its way to one webhook; `user_id` is whose doing it was."""

    number: int
    room: Room
    hook: Webhook
    body: str
    user_id: Optional[int]

    @property
    def lane(self) -> Tuple[int, str]:
        """Deliveries of a lane keep their order; lanes do not wait for each other."""
        return self.room.id, urlsplit(self.hook.url).netloc


class Deliveries:
    """Posts deliveries once each, with a thread per lane; `answered` gets JSON answers."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._lanes: Dict[Tuple[int, str], "queue.Queue[Delivery]"] = {}
        self._lock = threading.Lock()
        self._records: List[Dict[str, Any]] = []
        self._waiting: List[int] = []

    def add(self, delivery: Delivery) -> None:
        """Queue a delivery; it is under way when this returns, not yet arrived."""
        with self._lock:
            self._waiting.append(delivery.number)
            if delivery.lane not in self._lanes:
                self._lanes[delivery.lane] = queue.Queue()
                threading.Thread(target=self._work, args=(self._lanes[delivery.lane],),
                                 daemon=True).start()
            self._lanes[delivery.lane].put(delivery)

    def report(self) -> Dict[str, Any]:
        """Return the attempts so far, oldest first, and how many deliveries still wait."""
        with self._lock:
            return {"items": list(self._records), "waiting": len(self._waiting)}

    def of(self, number: int) -> Tuple[List[Dict[str, Any]], bool]:
        """Return the attempts to deliver one event, and whether there are more to come."""
        with self._lock:
            records = [each for each in self._records if each["number"] == number]
            return records, number in self._waiting

    def forget(self) -> None:
        """Drop the record of what was delivered."""
        with self._lock:
            self._records.clear()

    def _work(self, lane: "queue.Queue[Delivery]") -> None:
        while True:
            self._attempt(lane.get())

    def _attempt(self, delivery: Delivery) -> None:
        record = {"number": delivery.number, "room": delivery.room.name,
                  "event": delivery.hook.event,
                  "webhook_id": delivery.hook.id, "url": delivery.hook.url,
                  "status": None, "error": None, "when": now().isoformat()}
        started = time.monotonic()
        answer = None
        try:
            response = post(delivery)
            record["status"] = response.status
            answer = response.data if response.status < 300 else None
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            record["error"] = str(error)
        record["milliseconds"] = round(1000 * (time.monotonic() - started), 1)
        if answer:
            self._pass_on(delivery, answer)
        with self._lock:
            self._records.append(record)
            self._waiting.remove(delivery.number)

    def _pass_on(self, delivery: Delivery, answer: bytes) -> None:
        try:
            fields = json.loads(answer)
        except ValueError:
            return
        if isinstance(fields, dict):
            self._answered(delivery.room, delivery.hook, fields)


def post(delivery: Delivery) -> urllib3.BaseHTTPResponse:
    """Post a delivery over a connection of its own, as HipChat did, and return the answer."""
    url, headers = delivery.hook.url, HEADERS
    if delivery.hook.authentication == "jwt":
        token = signing.sign(delivery.hook.token.client, delivery.room.id, delivery.user_id)
        headers = {**HEADERS, "Authorization": f"JWT {token}"}
        # Those that a descriptor declares came with the header alone.
        if not delivery.hook.is_declared:
            url += f"{'&' if urlsplit(url).query else '?'}signed_request={token}"
    path = urllib3.util.parse_url(url).request_uri
    with urllib3.connection_from_url(url, retries=False, timeout=TIMEOUT_SECONDS) as connection:
        return connection.request("POST", path, body=delivery.body.encode(), headers=headers,
                                  redirect=False)
