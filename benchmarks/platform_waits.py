"""On a real StackStorm: how long HipChat waits for its 204."""
import statistics
from typing import List

from benchmarks.server_process import run
from benchmarks.measure import Row, alternate, compared
from benchmarks.platform_rates import EVENTS
from benchmarks.platform_sides import Peer, Sides, sides

SECONDS = 3  # of a steady load
ROUNDS = 5
BURST = 5000
BURSTS = 3
AIM = ("<=", 0.25)  # of what peers make HipChat wait
LIMIT = ("<=", 1.25)  # of what a server that does nothing does


def rows() -> List[Row]:
    with sides() as both, run("benchmarks.receiver_server", "bare") as server:
        nothing = Peer(server.url, 204, EVENTS)
        bare, own = [statistics.median(both.quietly(measure)() for _ in range(ROUNDS)) / 2
                     for measure in (lambda: both.pack.bare(EVENTS),
                                     lambda: both.pack.rate(EVENTS))]
        return [_steady(both, nothing, bare, "half the rate of bare dispatch"),
                _steady(both, nothing, own, "half the pack's own rate"), *_burst(both)]


def _steady(both: Sides, nothing: Peer, rate: float, which: str) -> Row:
    """Both are posted to in the same rounds, in turn."""
    count, ours, floor = int(SECONDS * rate), [], []
    for _ in range(ROUNDS):
        both.settle()
        result = both.pack.steady(count, rate, beside=nothing.posts(count))
        ours.append(result.p99(both.pack.url))
        floor.append(result.p99(nothing.url))
    return compared(f"p99 until HipChat has its 204, at {rate:.0f}/s ({which})",
                    "a WSGI server that does nothing, beside the pack", LIMIT, "ms", ours, floor)


def _burst(both: Sides) -> List[Row]:
    ours, *theirs = alternate(BURSTS, *[
        both.quietly(lambda side=side: side.burst(BURST).p99(side.url))
        for side in [both.pack, *both.peers.values()]])
    return [compared(f"p99 until HipChat has its 204, in a burst of {BURST:,}", name, AIM,
                     "ms", ours, waits) for name, waits in zip(both.peers, theirs)]
