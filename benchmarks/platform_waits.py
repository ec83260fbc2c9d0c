"""On a real StackStorm: how long HipChat waits for its 204."""
import statistics
from typing import List

from benchmarks.server_process import run
from benchmarks.measure import Row, alternate, compared
from benchmarks.platform_rates import EVENTS
from benchmarks.platform_sides import Peer, Sides, sides

SECONDS = 3  # of a steady load
ROUNDS = 5
CROWDED = 3  # rounds of a load that is more than the peers take
BURST = 5000
BURSTS = 3
AIM = ("<=", 0.25)


def rows() -> List[Row]:
    with sides() as both, run("benchmarks.receiver_server", "bare") as server:
        nothing = Peer(server.url, 204, EVENTS)
        bare, own = [statistics.median(both.quietly(measure)() for _ in range(ROUNDS)) / 2
                     for measure in (lambda: both.pack.bare(EVENTS),
                                     lambda: both.pack.rate(EVENTS))]
        return (_steady(both, nothing, bare, "half the rate of bare dispatch", ROUNDS) +
                _steady(both, nothing, own, "half the pack's own rate", CROWDED) + _burst(both))


def _steady(both: Sides, nothing: Peer, rate: float, which: str, rounds: int) -> List[Row]:
    count, floor = int(SECONDS * rate), []

    def pack() -> float:
        result = both.pack.steady(count, rate, beside=nothing.posts(count))
        floor.append(result.p99(nothing.url))
        return result.p99(both.pack.url)

    ours, *theirs = alternate(rounds, both.quietly(pack), *[
        both.quietly(lambda peer=peer: peer.steady(count, rate).p99(peer.url))
        for peer in both.peers.values()])
    what = "p99 until HipChat has its 204, at {:.0f}/s ({})".format(rate, which)
    limit = "the same of a WSGI server that does nothing, beside the pack (the limit), at {:.0f}/s"
    return [compared(each, name, AIM, "ms", measured, waits)
            for each, measured in ((what, ours), (limit.format(rate), floor))
            for name, waits in zip(both.peers, theirs)]


def _burst(both: Sides) -> List[Row]:
    ours, *theirs = alternate(BURSTS, *[
        both.quietly(lambda side=side: side.burst(BURST).p99(side.url))
        for side in [both.pack, *both.peers.values()]])
    return [compared("p99 until HipChat has its 204, in a burst of {:,}".format(BURST), name, AIM,
                     "ms", ours, waits) for name, waits in zip(both.peers, theirs)]
