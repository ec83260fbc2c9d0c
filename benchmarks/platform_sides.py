"""The pack's sensor on a real StackStorm, and its peers, under the same posts."""
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

__all__ = ["Pack", "Peer", "Sides", "sides"]

ROOMS = [f"Benchmark {number}" for number in range(50)]
PATIENCE = 600  # seconds for StackStorm to work off what was dispatched
_numbers = itertools.count()


class Pack:
    """The pack's sensor. Each load is checked: all is dispatched, and each room in its order.

    dispatched: how often in all.
    """

    def __init__(self, control: Server, port: int):
        self._control, self._port = control, port
        self.url = f"http://127.0.0.1:{port}/hipchat"
        self.dispatched = 0
        self.cpu: List[float] = []  # seconds of processor time an event, of each rate()

    def ready(self) -> None:
        """Return when the rules' triggers are known, each with a payload for bare()."""
        wait(lambda: health_of(self._port).get("webhooks", {"present": 0})["present"] >= len(ROOMS))
        self.burst(100)

    def bare(self, count: int) -> float:
        """Dispatches/s of sensor_service.dispatch in a loop, ten greenlets, no HTTP."""
        self.dispatched += count
        return count / self._ask("bare", count)

    def burst(self, count: int) -> Result:
        senders = [self._posts(count // len(ROOMS), room) for room in ROOMS]
        return self._checked(count, lambda: burst(senders))

    def rate(self, count: int) -> float:
        """Events/s from the first post to the last dispatch."""
        started, used = time.monotonic(), self._control.cpu()
        self.burst(count)
        self.cpu.append((self._control.cpu() - used) / count)
        return count / (time.monotonic() - started)

    def steady(self, count: int, rate: float, beside: Sequence[Post]) -> Result:
        """`beside` has as many posts for another server, each in the middle between two of the
        pack's."""
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
        for message in self._ask("heard", count):
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
    """Answers when it has dispatched. few: how many posts are enough for a round's rate."""

    def __init__(self, url: str, status: int, few: int):
        self.url, self._status, self.few = url, status, few
        self.dispatched = 0

    def burst(self, count: int) -> Result:
        posts = self.posts(count)
        return self._checked(burst([posts[start::len(ROOMS)] for start in range(len(ROOMS))]))

    def rate(self) -> float:
        """Events/s from the first post to the last answer."""
        return self.few / self.burst(self.few).seconds

    def posts(self, count: int) -> List[Post]:
        return [request(self.url, delivery(f"peer/{number}", "Benchmark"))
                for number in range(count)]

    def _checked(self, result: Result) -> Result:
        # None: it had too much to do to take the connection.
        assert set(result.statuses) <= {self._status, None}, result.statuses
        self.dispatched += result.statuses[self._status]
        return result


class Sides:
    """The pack, and its peers by name."""

    def __init__(self, api: Api, pack: Pack, peers: Dict[str, Peer]):
        self.pack, self.peers = pack, peers
        self._api, self._before = api, api.heard()

    def quietly(self, measure: Callable[[], float]) -> Callable[[], float]:
        """The same, once StackStorm has worked off what was dispatched before: that takes the
        same processors."""
        def run() -> float:
            self.settle()
            return measure()
        return run

    def settle(self) -> None:
        """Return when StackStorm has heard all that was dispatched, by whomever."""
        sides = [self.pack, *self.peers.values()]
        wanted = self._before + sum(side.dispatched for side in sides)
        deadline = time.monotonic() + PATIENCE
        while self._api.heard() < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError("StackStorm has heard {} of {} events after {} s".format(
                    self._api.heard(), wanted, PATIENCE))
            time.sleep(1)
        time.sleep(1)  # it is not done with the last when it has heard them


@contextlib.contextmanager
def sides() -> Iterator[Sides]:
    """Start all, with rules that are disabled."""
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
                # With today's Flask it dispatches, and then fails to make its answer.
                peers["the Flask example sensor"] = Peer(flask, 500, 300)
            else:
                print("skipped: StackStorm's Flask example sensor (ST2_EXAMPLES is not set)")
            both = Sides(api, pack, peers)
            pack.ready()
            yield both
            both.settle()
