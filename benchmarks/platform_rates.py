"""Events/s from webhook to dispatch, on a real StackStorm."""
import statistics
from typing import List

from benchmarks.measure import Row, alternate, compared
from benchmarks.platform_sides import running_sides

EVENTS = 1000  # in each round
ROUNDS = 5


def rows() -> List[Row]:
    with running_sides() as sides:
        pack = sides.pack
        ours, bare, *theirs = alternate(
            ROUNDS, sides.when_idle(lambda: pack.rate(EVENTS)),
            sides.when_idle(lambda: pack.bare(EVENTS)),
            *[sides.when_idle(peer.rate) for peer in sides.peers.values()])
    milliseconds = 1000 * statistics.median(pack.cpu)
    what = "webhook to dispatched, events/s, 50 rooms, 50 connections"
    found = [compared(what, "bare `sensor_service.dispatch`, ten greenlets, the same process",
                      (">=", 0.9), "/s", ours, bare,
                      f"{milliseconds:.2f} ms of its processor time an event")]
    for name, rates in zip(sides.peers, theirs):
        found.append(compared(what, name, (">=", 1.5 if "webhook" in name else 5), "/s", ours,
                              rates))
    return found
