"""The sandbox's HipChat with people who talk all day, and webhooks posted by one thread."""
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

__all__ = ["TalkingHipchat"]

TIMEOUT = 10.0  # seconds for which HipChat waits for an answer
TICK = 0.005  # seconds between two looks at what has been said
REMEMBERED = 2000  # messages of a room's history


class TalkingHipchat:
    """said: how many messages in each room, which are numbered from 0; accepted: the numbers of
    those that a webhook delivered; answers: how often each status, None where there was none."""

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
        self.said: Dict[int, int] = {room.id: 0 for room in self._rooms}
        self.accepted: Dict[int, Set[int]] = defaultdict(set)
        self.answers: Counter = Counter()
        self._lanes: Dict[int, Deque[Tuple[int, Delivery]]] = defaultdict(deque)
        self._idle: Deque[int] = deque()
        for target in (make_server(listener, app, None).serve_forever, self._deliver_forever):
            threading.Thread(target=target, daemon=True).start()

    @property
    def rooms(self) -> List[int]:
        return list(self.said)

    def talk(self, count: int, rate: float) -> None:
        """Say so many messages, so many a second, in one room after the other."""
        started = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, started + number / rate - time.monotonic()))
            room = self._rooms[number % len(self._rooms)]
            with self._group.lock:
                self._events.message(room, self._person, str(self.said[room.id]))
                self.said[room.id] += 1
                del room.history[:-REMEMBERED]

    def fail(self, **fault: Any) -> None:
        """Let calls of the API go wrong; the sandbox's faults."""
        self._faults.add(Fault(**fault))

    def heal(self) -> None:
        self._faults.heal()

    def delete_webhooks(self, rooms: int) -> None:
        """In so many rooms."""
        with self._group.lock:
            for room in self._rooms[:rooms]:
                room.webhooks.clear()

    def rename(self) -> None:
        """Give a room another name, and its old one to the next."""
        with self._group.lock:
            one, other = self._rooms[:2]
            one.name, other.name = f"Renamed {next(self._names)}", one.name

    def calls(self, path: str) -> int:
        """How many calls of the API have this in their path."""
        return sum(path in call["path"] for call in self._calls.report())

    def under_way(self) -> int:
        return sum(map(len, list(self._lanes.values())))

    def _post(self, delivery: Delivery) -> None:
        lane = self._lanes[delivery.room.id]
        lane.append((self.said[delivery.room.id], delivery))
        if len(lane) == 1:
            self._idle.append(delivery.room.id)

    def _deliver_forever(self) -> None:
        """Each delivery once, those of a room one after the other."""
        poll, calls = select.epoll(), {}
        while True:
            events = poll.poll(TICK)
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
        lane = self._lanes[room]
        _, delivery = lane[0]
        post = request(delivery.hook.url, delivery.body.encode())
        call = Call(post, time.perf_counter(), iter([lane]))
        calls[call.socket.fileno()] = call
        poll.register(call.socket, select.EPOLLOUT)

    def _end(self, call: Call, status: Optional[int], poll: Any) -> None:
        poll.unregister(call.socket)
        call.socket.close()
        self.answers[status] += 1
        lane = next(call.rest)
        number, delivery = lane.popleft()
        if status == 204:
            self.accepted[delivery.room.id].add(number)
        if lane:
            self._idle.append(delivery.room.id)
