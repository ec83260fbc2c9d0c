"""Posts over raw sockets in one thread, so that the client takes little processor time."""
import json
import select
import socket
import time
from collections import Counter, defaultdict, deque
from typing import Any, Deque, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from benchmarks.measure import percentile

__all__ = ["Call", "Post", "Result", "burst", "delivery", "request", "steady"]

TIMEOUT = 60.0  # seconds without any response, after which a load fails


class Post(NamedTuple):
    """A whole HTTP request, and its destination as (host, port)."""

    address: Tuple[str, int]
    request: bytes


class Result(NamedTuple):
    """The result of a load.

    Attributes:
        seconds: from the first post to the last response.
        latencies: seconds until each response, by the post's address.
        statuses: how often each status was received; None for a broken connection.
    """

    seconds: float
    latencies: Dict[Tuple[str, int], List[float]]
    statuses: Counter

    def p99(self, url: str) -> float:
        """Return the 99th percentile of the latencies of this URL's server, in milliseconds."""
        return 1000 * percentile(self.latencies[_address(url)], 0.99)


def delivery(message_id: str, room: str, text: str = "deploy web to production, please") -> bytes:
    """Return the body that HipChat posts for a message."""
    return json.dumps({
        "event": "room_message", "oauth_client_id": "", "webhook_id": 7,
        "item": {"message": {"id": message_id, "message": text, "type": "message",
                             "date": "2015-01-20T22:45:06.662545+00:00", "mentions": [],
                             "from": {"id": 1, "name": "Ada", "mention_name": "ada",
                                      "links": {"self": "https://hipchat.example.com/v2/user/1"}}},
                 "room": {"name": room}}}).encode()


def request(url: str, body: bytes) -> Post:
    """Return a request as HipChat makes it, which closes its connection."""
    parts = urlsplit(url)
    head = (f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Content-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
    return Post(_address(url), head.encode() + body)


def _address(url: str) -> Tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port


class Call:
    """A request under way.

    Attributes:
        since: time.perf_counter() from which the latency counts.
        rest: the posts that the same sender makes after this one.
    """

    def __init__(self, post: Post, since: float, rest: Iterator[Any]):
        self.post, self.since, self.rest = post, since, rest
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(post.address)

    def advance(self, event: int, poll: Any) -> bool:
        """Send if possible; return whether the call has ended, with a response or an error."""
        if event & select.EPOLLOUT and not event & (select.EPOLLERR | select.EPOLLHUP):
            self.socket.send(self.post.request)
            poll.modify(self.socket, select.EPOLLIN)
            return False
        return True

    def status(self) -> Optional[int]:
        """Return the status of the response; None if the connection broke."""
        try:
            return int(self.socket.recv(65536).split(None, 2)[1])
        except (OSError, IndexError):
            return None


class _Loop:
    """Runs calls in parallel, and collects their latencies and statuses."""

    def __init__(self):
        self._poll, self._calls = select.epoll(), {}
        self._latencies: Dict[Tuple[str, int], List[float]] = defaultdict(list)
        self._statuses: Counter = Counter()

    def begin(self, rest: Iterator[Post], since: Optional[float] = None) -> None:
        """Begin the next post of a sender, if there is one."""
        post = next(rest, None)
        if post:
            call = Call(post, since or time.perf_counter(), rest)
            self._calls[call.socket.fileno()] = call
            self._poll.register(call.socket, select.EPOLLOUT)

    def run(self, due: Deque[Tuple[float, Iterator[Post]]]) -> Result:
        """Run until all calls have ended.

        Args:
            due: senders that begin later: seconds from now, and their posts.
        """
        started = time.perf_counter()
        while self._calls or due:
            pause = due[0][0] + started - time.perf_counter() if due else TIMEOUT
            events = self._poll.poll(max(0.0, pause))
            if not events and not due:
                raise TimeoutError(f"no response within {TIMEOUT} s")
            for number, event in events:
                self._advance(self._calls[number], event)
            while due and due[0][0] + started <= time.perf_counter():
                at, posts = due.popleft()
                self.begin(posts, at + started)
        self._poll.close()
        return Result(time.perf_counter() - started, self._latencies, self._statuses)

    def _advance(self, call: Call, event: int) -> None:
        if not call.advance(event, self._poll):
            return
        self._latencies[call.post.address].append(time.perf_counter() - call.since)
        self._statuses[call.status()] += 1
        self._poll.unregister(call.socket)
        del self._calls[call.socket.fileno()]
        call.socket.close()
        self.begin(call.rest)


def burst(senders: Iterable[Iterable[Post]]) -> Result:
    """Post in parallel, one sequence for each sender, as fast as the server responds."""
    loop = _Loop()
    for posts in senders:
        loop.begin(iter(posts))
    return loop.run(deque())


def steady(posts: List[Post], rate: float) -> Result:
    """Post at a rate (per second) without waiting for responses.

    Latencies count from the time at which a post was due.
    """
    return _Loop().run(deque((number / rate, iter([post]))
                             for number, post in enumerate(posts)))
