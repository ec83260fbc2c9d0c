"""Posts over raw sockets in one thread, so that the client costs little beside the server."""
import json
import select
import socket
import time
from collections import Counter, defaultdict, deque
from typing import Any, Deque, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from benchmarks.measure import percentile

__all__ = ["Call", "Post", "Result", "burst", "delivery", "request", "steady"]

PATIENCE = 60.0  # seconds without any answer before a load gives up


class Post(NamedTuple):
    """Where to, as (host, port), and the whole HTTP request."""

    where: Tuple[str, int]
    request: bytes


class Result(NamedTuple):
    """seconds: from first to last; waits: by where the post went, seconds until each answer;
    statuses: how often."""

    seconds: float
    waits: Dict[Tuple[str, int], List[float]]
    statuses: Counter

    def p99(self, url: str) -> float:
        """Milliseconds until what went to this URL's server was answered, of all but the slowest
        hundredth."""
        return 1000 * percentile(self.waits[_where(url)], 0.99)


def delivery(message_id: str, room: str, text: str = "deploy web to production, please") -> bytes:
    """What HipChat posts for a message, as bytes."""
    return json.dumps({
        "event": "room_message", "oauth_client_id": "", "webhook_id": 7,
        "item": {"message": {"id": message_id, "message": text, "type": "message",
                             "date": "2015-01-20T22:45:06.662545+00:00", "mentions": [],
                             "from": {"id": 1, "name": "Ada", "mention_name": "ada",
                                      "links": {"self": "https://hipchat.example.com/v2/user/1"}}},
                 "room": {"name": room}}}).encode()


def request(url: str, body: bytes) -> Post:
    """A request as HipChat makes it, over a connection of its own."""
    parts = urlsplit(url)
    head = ("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
            "Connection: close\r\nContent-Length: {}\r\n\r\n").format(
                parts.path, parts.netloc, len(body))
    return Post(_where(url), head.encode() + body)


def _where(url: str) -> Tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port


class Call:
    """One request on its way. rest: what comes after it."""

    def __init__(self, post: Post, since: float, rest: Iterator[Any]):
        self.post, self.since, self.rest = post, since, rest
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(post.where)

    def advance(self, event: int, poll: Any) -> bool:
        """Send when that is possible; whether there is an answer, or no hope of one."""
        if event & select.EPOLLOUT and not event & (select.EPOLLERR | select.EPOLLHUP):
            self.socket.send(self.post.request)
            poll.modify(self.socket, select.EPOLLIN)
            return False
        return True

    def status(self) -> Optional[int]:
        """The answer's; None where the connection broke."""
        try:
            return int(self.socket.recv(65536).split(None, 2)[1])
        except (OSError, IndexError):
            return None


class _Loop:
    def __init__(self):
        self._poll, self._calls = select.epoll(), {}
        self._waits: Dict[Tuple[str, int], List[float]] = defaultdict(list)
        self._statuses: Counter = Counter()

    def begin(self, rest: Iterator[Post], since: Optional[float] = None) -> None:
        post = next(rest, None)
        if post:
            call = Call(post, since or time.perf_counter(), rest)
            self._calls[call.socket.fileno()] = call
            self._poll.register(call.socket, select.EPOLLOUT)

    def run(self, due: Deque[Tuple[float, Iterator[Post]]]) -> Result:
        started = time.perf_counter()
        while self._calls or due:
            pause = due[0][0] + started - time.perf_counter() if due else PATIENCE
            events = self._poll.poll(max(0.0, pause))
            if not events and not due:
                raise TimeoutError(f"no answer within {PATIENCE} s")
            for number, event in events:
                self._advance(self._calls[number], event)
            while due and due[0][0] + started <= time.perf_counter():
                at, posts = due.popleft()
                self.begin(posts, at + started)
        self._poll.close()
        return Result(time.perf_counter() - started, self._waits, self._statuses)

    def _advance(self, call: Call, event: int) -> None:
        if not call.advance(event, self._poll):
            return
        self._waits[call.post.where].append(time.perf_counter() - call.since)
        self._statuses[call.status()] += 1
        self._poll.unregister(call.socket)
        del self._calls[call.socket.fileno()]
        call.socket.close()
        self.begin(call.rest)


def burst(senders: Iterable[Iterable[Post]]) -> Result:
    """Each sender posts one after the other, all senders at once, as fast as they are answered."""
    loop = _Loop()
    for posts in senders:
        loop.begin(iter(posts))
    return loop.run(deque())


def steady(posts: List[Post], rate: float) -> Result:
    """Posts at a rate (a second), answered or not; latencies count from when each was due."""
    return _Loop().run(deque((number / rate, iter([post]))
                             for number, post in enumerate(posts)))
