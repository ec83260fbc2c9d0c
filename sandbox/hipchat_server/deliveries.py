"""Posts webhook deliveries to their URLs in the background, and records each attempt."""

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

Responded = Callable[[Room, Webhook, Dict[str, Any]], None]


@dataclass
class Delivery:
    """One event to post to one webhook.

    Attributes:
        event_number: the number of the event on this server.
        user_id: the person who caused the event; None if no person did.
    """

    event_number: int
    room: Room
    hook: Webhook
    body: str
    user_id: Optional[int]

    @property
    def queue_key(self) -> Tuple[int, str]:
        """The key of the delivery's queue: deliveries with one key are posted in order."""
        return self.room.id, urlsplit(self.hook.url).netloc


class Deliveries:
    """Posts each delivery once, with a queue and a thread for each room and host.

    Args:
        responded: called with the JSON object in a receiver's response.
    """

    def __init__(self, responded: Responded) -> None:
        self._responded = responded
        self._queues: Dict[Tuple[int, str], "queue.Queue[Delivery]"] = {}
        self._lock = threading.Lock()
        self._records: List[Dict[str, Any]] = []
        self._waiting: List[int] = []

    def add(self, delivery: Delivery) -> None:
        """Queue a delivery; return before it is posted."""
        with self._lock:
            self._waiting.append(delivery.event_number)
            if delivery.queue_key not in self._queues:
                self._queues[delivery.queue_key] = queue.Queue()
                threading.Thread(target=self._post_all, args=(self._queues[delivery.queue_key],),
                                 daemon=True).start()
            self._queues[delivery.queue_key].put(delivery)

    def report(self) -> Dict[str, Any]:
        """Return the attempts so far, oldest first, and the number of queued deliveries."""
        with self._lock:
            return {"items": list(self._records), "waiting": len(self._waiting)}

    def of_event(self, number: int) -> Tuple[List[Dict[str, Any]], bool]:
        """Return the attempts to deliver one event, and whether more are queued."""
        with self._lock:
            records = [each for each in self._records if each["number"] == number]
            return records, number in self._waiting

    def forget(self) -> None:
        """Empty the record of attempts."""
        with self._lock:
            self._records.clear()

    def _post_all(self, deliveries: "queue.Queue[Delivery]") -> None:
        while True:
            self._attempt(deliveries.get())

    def _attempt(self, delivery: Delivery) -> None:
        record = {"number": delivery.event_number, "room": delivery.room.name,
                  "event": delivery.hook.event,
                  "webhook_id": delivery.hook.id, "url": delivery.hook.url,
                  "status": None, "error": None, "when": now().isoformat()}
        started = time.monotonic()
        body = None
        try:
            response = post(delivery)
            record["status"] = response.status
            body = response.data if response.status < 300 else None
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            record["error"] = str(error)
        record["milliseconds"] = round(1000 * (time.monotonic() - started), 1)
        if body:
            self._pass_on(delivery, body)
        with self._lock:
            self._records.append(record)
            self._waiting.remove(delivery.event_number)

    def _pass_on(self, delivery: Delivery, body: bytes) -> None:
        try:
            fields = json.loads(body)
        except ValueError:
            return
        if isinstance(fields, dict):
            self._responded(delivery.room, delivery.hook, fields)


def post(delivery: Delivery) -> urllib3.BaseHTTPResponse:
    """Post a delivery over its own connection, as HipChat did, and return the response."""
    url, headers = delivery.hook.url, HEADERS
    if delivery.hook.authentication == "jwt":
        token = signing.sign(delivery.hook.token.client, delivery.room.id, delivery.user_id)
        headers = {**HEADERS, "Authorization": f"JWT {token}"}
        # HipChat sent the token of a descriptor's webhooks only in the header.
        if not delivery.hook.is_declared:
            url += f"{'&' if urlsplit(url).query else '?'}signed_request={token}"
    path = urllib3.util.parse_url(url).request_uri
    with urllib3.connection_from_url(url, retries=False, timeout=TIMEOUT_SECONDS) as connection:
        return connection.request("POST", path, body=delivery.body.encode(), headers=headers,
                                  redirect=False)
