"""The pack's sensor on a real StackStorm, and its alternatives (peers), with the same posts."""
import contextlib
import itertools
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence
from urllib.request import urlopen

from benchmarks.server_process import REPOSITORY, Server
from benchmarks.load import Post, Result, burst, delivery, request, steady
from benchmarks.restart import hipchat
from benchmarks.settings import config, signed_url
from benchmarks.stackstorm import Api, flask_sensor, host
from benchmarks.waiting import health_of, wait
from sandbox.both_servers import free_port

__all__ = ["Pack", "Peer", "Sides", "running_sides"]

ROOMS = [f"Benchmark {number}" for number in range(50)]
IDLE_TIMEOUT = 600  # seconds for StackStorm to process all dispatched events
_numbers = itertools.count()


class Pack:
    """The pack's sensor. Each load checks that every event is dispatched, in order within a room.

    Attributes:
        dispatched: the number of dispatches in all.
        cpu: seconds of processor time per event, of each call of rate().
    """

    def __init__(self, control: Server, port: int):
        self._control, self._port = control, port
        self.url = f"http://127.0.0.1:{port}/hipchat"
        self.dispatched = 0
        self.cpu: List[float] = []

    def ready(self) -> None:
        """Wait until the triggers are known, and until the sensor has a payload for bare()."""
        wait(lambda: health_of(self._port).get("webhooks", {"present": 0})["present"] >= len(ROOMS))
        self.burst(100)

    def bare(self, count: int) -> float:
        """Return dispatches/s of sensor_service.dispatch in a loop: ten greenlets, no HTTP."""
        self.dispatched += count
        return count / self._ask("bare", count)

    def burst(self, count: int) -> Result:
        """Post as fast as possible, over one connection for each room."""
        senders = [self._posts(count // len(ROOMS), room) for room in ROOMS]
        return self._checked(count, lambda: burst(senders))

    def rate(self, count: int) -> float:
        """Return events/s from the first post to the last dispatch."""
        started, used = time.monotonic(), self._control.cpu()
        self.burst(count)
        self.cpu.append((self._control.cpu() - used) / count)
        return count / (time.monotonic() - started)

    def steady(self, count: int, rate: float, beside: Sequence[Post]) -> Result:
        """Post at a rate (events/s).

        Args:
            beside: as many posts for another server, each halfway between two of the pack's.
        """
        each = [self._posts(count // len(ROOMS) + 1, room) for room in ROOMS]
        posts = [post for row in zip(*each) for post in row][:count]
        both = [post for pair in zip(posts, beside) for post in pair]
        return self._checked(count, lambda: steady(both, 2 * rate))

    def _posts(self, count: int, room: str) -> List[Post]:
        url = signed_url(self.url, ROOMS.index(room))
        return [request(url, delivery(f"{room}/{next(_numbers)}", room))
                for _ in range(count)]

    def _checked(self, count: int, load: Callable[[], Result]) -> Result:
        result = load()
        assert set(result.statuses) == {204}, result.statuses
        ids = defaultdict(list)
        for message in self._ask("dispatched", count):
            room, _, number = message.rpartition("/")
            ids[room].append(int(number))
        assert sum(map(len, ids.values())) == count, "dispatched more than once, or not at all"
        for room, numbers in ids.items():
            assert numbers == sorted(set(numbers)), "out of order in " + room
        self.dispatched += count
        return result

    def _ask(self, what: str, count: int):
        with urlopen(f"{self._control.url}/{what}/{count}", timeout=90) as answer:
            return json.loads(answer.read())


class Peer:
    """An alternative, which responds when it has dispatched.

    Attributes:
        few: the number of posts that are enough for a round's rate.
        dispatched: the number of dispatches in all.
    """

    def __init__(self, url: str, status: int, few: int):
        self.url, self._status, self.few = url, status, few
        self.dispatched = 0

    def burst(self, count: int) -> Result:
        """Post as fast as possible, over as many connections as there are rooms."""
        posts = self.posts(count)
        return self._checked(burst([posts[start::len(ROOMS)] for start in range(len(ROOMS))]))

    def rate(self) -> float:
        """Return events/s from the first post to the last response."""
        return self.few / self.burst(self.few).seconds

    def posts(self, count: int) -> List[Post]:
        """Return posts for this server."""
        return [request(self.url, delivery(f"peer/{number}", "Benchmark"))
                for number in range(count)]

    def _checked(self, result: Result) -> Result:
        # None: the server was too busy to accept the connection.
        assert set(result.statuses) <= {self._status, None}, result.statuses
        self.dispatched += result.statuses[self._status]
        return result


class Sides:
    """The pack, and its peers by name, on one StackStorm."""

    def __init__(self, api: Api, pack: Pack, peers: Dict[str, Peer]):
        self.pack, self.peers = pack, peers
        self._api, self._before = api, api.trigger_instance_count()

    def when_idle(self, measure: Callable[[], float]) -> Callable[[], float]:
        """Return a function that first waits until StackStorm is idle, and then measures.

        StackStorm's work on earlier events would take the same processors.
        """
        def run() -> float:
            self.wait_until_idle()
            return measure()
        return run

    def wait_until_idle(self) -> None:
        """Wait until StackStorm has stored every dispatched event, of all sides."""
        sides = [self.pack, *self.peers.values()]
        expected = self._before + sum(side.dispatched for side in sides)
        deadline = time.monotonic() + IDLE_TIMEOUT
        while self._api.trigger_instance_count() < expected:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"StackStorm has stored {self._api.trigger_instance_count()} of {expected} "
                    f"events after {IDLE_TIMEOUT} s")
            time.sleep(1)
        time.sleep(1)  # the rules engine still works on the events that it stored last


@contextlib.contextmanager
def running_sides() -> Iterator[Sides]:
    """Run the pack's sensor and its peers, with rules that never fire."""
    with tempfile.TemporaryDirectory() as name, Api() as api, hipchat(ROOMS) as server:
        api.make_trigger_type("examples", "echoflasksensor")
        api.make_rules(ROOMS)
        port, directory = free_port(), Path(name)
        with host(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor",
                  config(server.url, port, str(directory / "spool")), "control") as control, \
                flask_sensor(directory) as flask:
            pack = Pack(control, port)
            peers = {"core.st2.webhook": Peer(api.webhook, 202, 600)}
            if flask:
                # With today's Flask it dispatches, and then fails to build its response.
                peers["the Flask example sensor"] = Peer(flask, 500, 300)
            else:
                print("skipped: StackStorm's Flask example sensor (ST2_EXAMPLES is not set)")
            sides = Sides(api, pack, peers)
            pack.ready()
            yield sides
            sides.wait_until_idle()
