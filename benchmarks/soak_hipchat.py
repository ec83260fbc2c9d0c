"""The sandbox's HipChat as a load generator, which posts all webhooks in one thread."""
import itertools
import select
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from typing import Any, Deque, Dict, List, Optional, Set, Tuple

from benchmarks.load import Call, request
from benchmarks.settings import TOKEN
from sandbox.hipchat_server.app import create_app
from sandbox.hipchat_server.deliveries import Delivery
from sandbox.hipchat_server.events import Events
from sandbox.hipchat_server.faults import Fault
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.limits import Limits
from sandbox.hipchat_server.server import make_server

__all__ = ["LoadHipchat"]

TIMEOUT = 10.0  # seconds for which HipChat waits for a response
PERIOD = 0.005  # seconds between two checks for new messages
HISTORY_MAX = 2000  # messages in a room's history


class LoadHipchat:
    """A HipChat server in this process.

    Attributes:
        url: of its API.
        posted: the number of messages in each room; they are numbered from 0.
        accepted: the numbers of the messages that a webhook delivered, by room ID.
        statuses: how often each status was received for a delivery; None without a response.
    """

    def __init__(self, rooms: int):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._group = Group(f"http://127.0.0.1:{listener.getsockname()[1]}/v2")
        self.url = self._group.url
        self._group.add_personal_token(TOKEN)
        app = create_app(self._group, Limits(10 ** 9, 300, 10 ** 9))
        self._events = Events(self._group, app.extensions["serializer"], self._post)
        self._faults, self._calls = app.extensions["faults"], app.extensions["request_log"]
        app.extensions["events"] = self._events
        self._rooms = [self._group.add_room(f"Room {number}") for number in range(rooms)]
        self._person, self._names = self._group.person("Ann"), itertools.count(1)
        self.posted: Dict[int, int] = {room.id: 0 for room in self._rooms}
        self.accepted: Dict[int, Set[int]] = defaultdict(set)
        self.statuses: Counter = Counter()
        self._queues: Dict[int, Deque[Tuple[int, Delivery]]] = defaultdict(deque)
        self._idle: Deque[int] = deque()
        for target in (make_server(listener, app, None).serve_forever, self._deliver_forever):
            threading.Thread(target=target, daemon=True).start()

    @property
    def rooms(self) -> List[int]:
        """The rooms' IDs."""
        return list(self.posted)

    def post_messages(self, count: int, rate: float) -> None:
        """Post messages at a rate (per second), in one room after the other."""
        started = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, started + number / rate - time.monotonic()))
            room = self._rooms[number % len(self._rooms)]
            with self._group.lock:
                self._events.message(room, self._person, str(self.posted[room.id]))
                self.posted[room.id] += 1
                del room.history[:-HISTORY_MAX]

    def fail(self, **fault: Any) -> None:
        """Let calls of the API fail; the arguments are those of the sandbox's Fault."""
        self._faults.add(Fault(**fault))

    def heal(self) -> None:
        """End all faults."""
        self._faults.heal()

    def delete_webhooks(self, rooms: int) -> None:
        """Delete all webhooks of this number of rooms."""
        with self._group.lock:
            for room in self._rooms[:rooms]:
                room.webhooks.clear()

    def rename(self) -> None:
        """Give a room another name, and its old one to the next."""
        with self._group.lock:
            one, other = self._rooms[:2]
            one.name, other.name = f"Renamed {next(self._names)}", one.name

    def calls(self, path: str) -> int:
        """Return the number of API calls whose path contains this text."""
        return sum(path in call["path"] for call in self._calls.report())

    def undelivered(self) -> int:
        """Return the number of deliveries that wait or are under way."""
        return sum(map(len, list(self._queues.values())))

    def _post(self, delivery: Delivery) -> None:
        queue = self._queues[delivery.room.id]
        queue.append((self.posted[delivery.room.id], delivery))
        if len(queue) == 1:
            self._idle.append(delivery.room.id)

    def _deliver_forever(self) -> None:
        """Post each delivery once, those of a room one after the other."""
        poll, calls = select.epoll(), {}
        while True:
            events = poll.poll(PERIOD)
            while self._idle:
                self._begin(self._idle.popleft(), poll, calls)
            for number, event in events:
                call = calls[number]
                if call.advance(event, poll):
                    self._end(calls.pop(number), call.status(), poll)
            for call in [call for call in calls.values()
                         if time.perf_counter() > call.since + TIMEOUT]:
                self._end(calls.pop(call.socket.fileno()), None, poll)

    def _begin(self, room: int, poll: Any, calls: Dict[int, Call]) -> None:
        queue = self._queues[room]
        _, delivery = queue[0]
        post = request(delivery.hook.url, delivery.body.encode())
        call = Call(post, time.perf_counter(), iter([queue]))
        calls[call.socket.fileno()] = call
        poll.register(call.socket, select.EPOLLOUT)

    def _end(self, call: Call, status: Optional[int], poll: Any) -> None:
        poll.unregister(call.socket)
        call.socket.close()
        self.statuses[status] += 1
        queue = next(call.rest)
        number, delivery = queue.popleft()
        if status == 204:
            self.accepted[delivery.room.id].add(number)
        if queue:
            self._idle.append(delivery.room.id)
