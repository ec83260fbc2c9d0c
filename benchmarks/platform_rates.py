"""On a real StackStorm: events/s from webhook to dispatch."""
import statistics
from typing import List

from benchmarks.measure import Row, alternate, compared
from benchmarks.platform_sides import sides

EVENTS = 1000  # in a round
ROUNDS = 5


def rows() -> List[Row]:
    with sides() as both:
        pack = both.pack
        ours, bare, *theirs = alternate(
            ROUNDS, both.quietly(lambda: pack.rate(EVENTS)),
            both.quietly(lambda: pack.bare(EVENTS)),
            *[both.quietly(peer.rate) for peer in both.peers.values()])
    what = "webhook to dispatched, events/s, 50 rooms, 50 connections"
    found = [compared(what, "bare `sensor_service.dispatch`, ten greenlets, the same process",
                      (">=", 0.9), "/s", ours, bare, "{:.2f} ms of its processor time an event"
                      .format(1000 * statistics.median(pack.cpu)))]
    for name, rates in zip(both.peers, theirs):
        found.append(compared(what, name, (">=", 1.5 if "webhook" in name else 5), "/s", ours,
                              rates))
    return found
