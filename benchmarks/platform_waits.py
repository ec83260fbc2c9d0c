"""How long HipChat waits for its 204, on a real StackStorm."""
import statistics
from typing import List

from benchmarks.server_process import run
from benchmarks.measure import Row, alternate, compared
from benchmarks.platform_rates import EVENTS
from benchmarks.platform_sides import Peer, Sides, running_sides

SECONDS = 3  # the duration of a steady load
ROUNDS = 5
BURST = 5000
BURSTS = 3
BURST_AIM = ("<=", 0.25)  # of the latency of peers
STEADY_AIM = ("<=", 1.25)  # of the latency of a server that does nothing


def rows() -> List[Row]:
    with running_sides() as sides, run("benchmarks.receiver_server", "bare") as server:
        nothing = Peer(server.url, 204, EVENTS)
        bare, own = [statistics.median(sides.when_idle(measure)() for _ in range(ROUNDS)) / 2
                     for measure in (lambda: sides.pack.bare(EVENTS),
                                     lambda: sides.pack.rate(EVENTS))]
        return [_steady(sides, nothing, bare, "half the rate of bare dispatch"),
                _steady(sides, nothing, own, "half the pack's own rate"), *_burst(sides)]


def _steady(sides: Sides, nothing: Peer, rate: float, which: str) -> Row:
    """Post to the pack and to a server that does nothing, in the same rounds, alternately."""
    count, ours, floor = int(SECONDS * rate), [], []
    for _ in range(ROUNDS):
        sides.wait_until_idle()
        result = sides.pack.steady(count, rate, beside=nothing.posts(count))
        ours.append(result.p99(sides.pack.url))
        floor.append(result.p99(nothing.url))
    return compared(f"p99 until HipChat has its 204, at {rate:.0f}/s ({which})",
                    "a WSGI server that does nothing, beside the pack", STEADY_AIM, "ms", ours,
                    floor)


def _burst(sides: Sides) -> List[Row]:
    ours, *theirs = alternate(BURSTS, *[
        sides.when_idle(lambda side=side: side.burst(BURST).p99(side.url))
        for side in [sides.pack, *sides.peers.values()]])
    what = f"p99 until HipChat has its 204, in a burst of {BURST:,}"
    return [compared(what, name, BURST_AIM, "ms", ours, latencies)
            for name, latencies in zip(sides.peers, theirs)]
