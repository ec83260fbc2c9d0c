"""Deliveries under load: posted to the sensor over raw sockets, and looked for in the journal."""
import json
import socket
import threading
import time
from urllib.parse import urlsplit

from support.waiting import LIMIT, pause_since

EVENT = "room_message"


def signed_url(stackstorm, room, event=EVENT):
    """The URL to which HipChat posts this event of the room."""
    return next(hook["url"] for hook in stackstorm.webhooks(room) if hook["event"] == event)


def delivery(message_id, room, text="deploy"):
    """What HipChat posts, as bytes."""
    return json.dumps({
        "event": EVENT, "oauth_client_id": "", "webhook_id": 7,
        "item": {"message": {"id": message_id, "message": text, "type": "message",
                             "from": {"id": 1, "name": "Ada"}},
                 "room": {"name": room}}}).encode()


def post(url, body, timeout=60):
    """Post; return the status, or None without a response."""
    where = urlsplit(url)
    head = "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n".format(
        where.path, where.netloc, len(body)).encode()
    try:
        with socket.create_connection((where.hostname, where.port), timeout) as connection:
            connection.sendall(head + body)
            return int(connection.recv(65536).split()[1])
    except (OSError, IndexError):
        return None


class Load:
    """Senders that post one delivery after the other, each over connections of its own.

    urls: by room; senders: for each room; deliveries: of each sender, without end if None; prefix:
    of the message ids, which two loads must not share.
    accepted: for each sender, the message ids that were answered 204, in their order; statuses:
    how often there was which answer.
    """

    def __init__(self, urls, senders=1, deliveries=None, text="deploy", prefix=""):
        self._deliveries, self._text = deliveries, text
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.statuses = {}
        self.accepted = []
        self._threads = []
        for room, url in urls.items():
            for number in range(senders):
                accepted = []
                self.accepted.append(accepted)
                self._threads.append(threading.Thread(
                    target=self._send,
                    args=(room, url, f"{prefix}{room}/{number}", accepted)))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self.wait()

    def wait(self):
        """Return when all senders are done."""
        for thread in self._threads:
            thread.join()

    def count(self):
        """How many deliveries were accepted so far."""
        return sum(map(len, self.accepted))

    def _send(self, room, url, name, accepted):
        sent = 0
        while sent != self._deliveries and not self._stopping.is_set():
            message_id = f"{name}/{sent}"
            status = post(url, delivery(message_id, room, self._text))
            sent += 1
            with self._lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 204:
                accepted.append(message_id)
            else:
                time.sleep(0.02)  # as a client would pause


def send_all(urls, **more):
    """Post all deliveries of a Load, and return it."""
    with Load(urls, **more) as load:
        load.wait()
    return load


class Journal:
    """The file in which the sandbox's StackStorm notes each dispatch; options make it do so."""

    def __init__(self, directory):
        self._path = directory / "journal"
        self._read, self._dispatched = 0, []
        self.options = ("--journal", str(self._path))

    def dispatched(self):
        """The message ids of all dispatches, oldest first."""
        if not self._path.exists():
            return []
        with open(str(self._path), "rb") as file:
            file.seek(self._read)
            new = file.read()
        new = new[:new.rfind(b"\n") + 1]  # the last line may be half-written
        self._read += len(new)
        self._dispatched += [line["payload"]["item"]["message"]["id"]
                             for line in map(_parsed, new.splitlines()) if line]
        return list(self._dispatched)

    def wait_for(self, accepted, seconds=None):
        """Return when all that was accepted was dispatched; then check the order.

        accepted: lists of message ids. Fails if some are missing after so many seconds (by default,
        when for LIMIT seconds none of them came), or if those of one list were not first dispatched
        in its order.
        """
        wanted = {message for sent in accepted for message in sent}
        missing, began = wanted, time.monotonic()
        deadline = began + (seconds or LIMIT)
        while True:
            asked, before = time.monotonic(), len(missing)
            missing = wanted.difference(self.dispatched())
            if not missing:
                break
            if len(missing) < before and not seconds:
                deadline = asked + LIMIT
            assert asked < deadline, (
                f"waited {asked - began:.1f} s for {len(wanted)} messages to be dispatched\n"
                f"missing are {len(missing)}, such as {sorted(missing)[:3]}")
            time.sleep(pause_since(asked, began))
        place = {}
        for number, message in enumerate(self.dispatched()):
            place.setdefault(message, number)
        for sent in accepted:
            assert sorted(sent, key=place.get) == sent


def _parsed(line):
    """What a line of the journal says; None where its process was killed before its end."""
    try:
        return json.loads(line)
    except ValueError:
        return None
