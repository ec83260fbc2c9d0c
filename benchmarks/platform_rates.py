"""On a real StackStorm: events/s from webhook to dispatch, and how long HipChat waits."""
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Callable, List
from urllib.request import urlopen

from benchmarks.children import REPOSITORY, Server
from benchmarks.load import Post, Result, burst, delivery, request, steady
from benchmarks.measure import Row, alternate, compared, percentile
from benchmarks.restart import free_port, hipchat
from benchmarks.settings import config, signed_url
from benchmarks.stackstorm import Api, flask_sensor, host

ROOMS = ["Benchmark {}".format(number) for number in range(50)]
EVENTS = 600  # in a round
FEW = {"core.st2.webhook": 300, "the Flask example sensor": 100}  # of the slower peers
BURST = 5000
SECONDS = 3  # of a steady load
ROUNDS = 5
PATIENCE = 1200  # seconds for StackStorm to work off what was dispatched
_numbers = itertools.count()


def rows() -> List[Row]:
    return _measured(_rates)


def _measured(measure: Callable[..., List[Row]]) -> List[Row]:
    with tempfile.TemporaryDirectory() as name, Api() as api, hipchat(ROOMS) as server:
        api.make_trigger_type("examples", "echoflasksensor")
        api.make_rules(ROOMS)
        port, directory = free_port(), Path(name)
        with host(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor",
                  config(server.url, port, str(directory / "spool")), "control") as control, \
                flask_sensor(directory) as flask:
            pack = _Pack(control, "http://127.0.0.1:{}/hipchat".format(port))
            pack.ready()
            peers = {"core.st2.webhook": _Peer(api.webhook, 202)}
            if flask:
                # With today's Flask it dispatches, and then fails to make its answer.
                peers["the Flask example sensor"] = _Peer(flask, 500)
            else:
                print("skipped: StackStorm's Flask example sensor (ST2_EXAMPLES is not set)")
            return measure(api, pack, peers)


class _Pack:
    """The pack's sensor. Each load is checked: all is dispatched, and each room in its order."""

    def __init__(self, control: Server, url: str):
        self._control, self._url = control, url
        self.half = 0.0  # of its dispatches/s without HTTP
        self.cpu: List[float] = []  # seconds of processor time an event, of each rate()

    def ready(self) -> None:
        """Return when the rules' triggers are known, each with a payload for bare()."""
        for _ in range(100):
            time.sleep(0.1)
            try:
                with urlopen(self._url + "/health") as answer:
                    if json.loads(answer.read())["webhooks"]["present"] >= len(ROOMS):
                        break
            except OSError:
                pass
        self.burst(100)

    def bare(self, count: int) -> float:
        """Dispatches/s of sensor_service.dispatch in a loop, ten greenlets, no HTTP."""
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

    def steady(self, count: int, rate: float) -> Result:
        each = [self._posts(count // len(ROOMS) + 1, room) for room in ROOMS]
        posts = [post for row in zip(*each) for post in row][:count]
        return self._checked(count, lambda: steady(posts, rate))

    def _posts(self, count: int, room: str) -> List[Post]:
        url = signed_url(self._url, room)
        return [request(url, delivery("{}/{}".format(room, next(_numbers)), room))
                for _ in range(count)]

    def _checked(self, count: int, load: Callable[[], Result]) -> Result:
        result = load()
        assert result.statuses == {204: count}, result.statuses
        ids = defaultdict(list)
        for message in self._ask("heard", count):
            room, _, number = message.rpartition("/")
            ids[room].append(int(number))
        assert sum(map(len, ids.values())) == count, "dispatched more than once, or not at all"
        for room, numbers in ids.items():
            assert numbers == sorted(set(numbers)), "out of order in " + room
        return result

    def _ask(self, what: str, count: int):
        with urlopen("{}/{}/{}".format(self._control.url, what, count), timeout=90) as answer:
            return json.loads(answer.read())


class _Peer:
    """Answers when it has dispatched."""

    def __init__(self, url: str, status: int):
        self._url, self._status = url, status

    def burst(self, count: int) -> Result:
        posts = self._posts(count)
        return self._checked(burst([posts[start::len(ROOMS)] for start in range(len(ROOMS))]))

    def rate(self, count: int) -> float:
        return count / self.burst(count).seconds

    def steady(self, count: int, rate: float) -> Result:
        return self._checked(steady(self._posts(count), rate))

    def _posts(self, count: int) -> List[Post]:
        return [request(self._url, delivery("peer/{}".format(number), "Benchmark"))
                for number in range(count)]

    def _checked(self, result: Result) -> Result:
        assert set(result.statuses) == {self._status}, result.statuses
        return result


def waits() -> List[Row]:
    """The rows of platform_waits."""
    return _measured(_waits)


def _rates(api: Api, pack: _Pack, peers: dict) -> List[Row]:
    def settled(measure: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            _settle(api)
            return measure()
        return run

    ours, bare, *theirs = alternate(
        ROUNDS, settled(lambda: pack.rate(EVENTS)), settled(lambda: pack.bare(EVENTS)),
        *[settled(lambda name=name: peers[name].rate(FEW[name])) for name in peers])
    what = "webhook to dispatched, events/s, 50 rooms, 50 connections"
    found = [compared(what, "bare `sensor_service.dispatch`, ten greenlets, the same process",
                      (">=", 0.9), "/s", ours, bare, "{:.2f} ms of its processor time an event"
                      .format(1000 * statistics.median(pack.cpu)))]
    for name, rates in zip(peers, theirs):
        found.append(compared(what, name, (">=", 1.5 if "webhook" in name else 5), "/s", ours,
                              rates))
    return found


def _waits(api: Api, pack: _Pack, peers: dict) -> List[Row]:
    def p99(result: Result) -> float:
        return 1000 * percentile(result.latencies, 0.99)

    def steadily(side) -> Callable[[], float]:
        def run() -> float:
            _settle(api)
            return p99(side.steady(int(SECONDS * pack.half), pack.half))
        return run

    def burst(side, count: int) -> Callable[[], float]:
        def run() -> float:
            _settle(api)
            return p99(side.burst(count))
        return run

    found = []
    pack.half = statistics.median(pack.bare(EVENTS) for _ in range(3)) / 2
    ours, *theirs = alternate(2, steadily(pack), *map(steadily, peers.values()))
    for name, waits in zip(peers, theirs):
        found.append(compared("p99 until HipChat has its 204, at {:.0f}/s (half the dispatch rate)"
                              .format(pack.half), name, ("<=", 0.25), "ms", ours, waits))
    *theirs, ours = alternate(2, *[burst(peer, 2 * FEW[name]) for name, peer in peers.items()],
                              burst(pack, BURST))
    for name, waits in zip(peers, theirs):
        found.append(compared("p99 until HipChat has its 204, in a burst of 5,000", name,
                              ("<=", 0.25), "ms", ours, waits, "the peer's burst is of {}: its "
                              "wait is the same after the first seconds".format(2 * FEW[name])))
    return found


def _settle(api: Api) -> None:
    """Return when StackStorm has worked off what was dispatched: it takes the same processors."""
    known, deadline = -1, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        count = api.heard()
        if count == known:
            return
        known = count
        time.sleep(2)
    raise TimeoutError("StackStorm still works off events after {} s".format(PATIENCE))
