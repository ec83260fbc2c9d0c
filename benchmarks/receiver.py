"""Deliveries that the receiver accepts in a burst, compared with a bare WSGI server."""
import itertools
from typing import List

from benchmarks.server_process import Server, run
from benchmarks.load import burst, delivery, request
from benchmarks.measure import Row, alternate, compared
from benchmarks.settings import signed_url

ROOMS = [f"Room {number}" for number in range(50)]
EACH = 40  # deliveries for each room in a round
ROUNDS = 9
_rounds = itertools.count()


def rows() -> List[Row]:
    with run("benchmarks.receiver_server", "pack") as pack, \
            run("benchmarks.receiver_server", "bare") as bare:
        for server in (pack, bare):
            _accepted(server)  # warm-up
        used = [pack.cpu(), bare.cpu()]
        ours, theirs = alternate(ROUNDS, lambda: _accepted(pack), lambda: _accepted(bare))
        used = [pack.cpu() - used[0], bare.cpu() - used[1]]
    full, bare_cost = (1e6 * seconds / (ROUNDS * EACH * len(ROOMS)) for seconds in used)
    return [compared(
        "accepted/s (on disk) in a burst over 50 connections, receiver alone",
        "the same WSGI server, which only answers 204", (">=", 0.5), "/s", ours, theirs,
        f"processor time of the server: {full:.0f} µs per delivery, {bare_cost:.0f} µs if it only "
        "answers")]


def _accepted(server: Server) -> float:
    """Post a burst; return accepted deliveries/s."""
    number = next(_rounds)
    senders = [[request(signed_url(server.url, place),
                        delivery(f"{number}/{room}/{each}", room))
                for each in range(EACH)] for place, room in enumerate(ROOMS)]
    result = burst(senders)
    assert result.statuses == {204: EACH * len(ROOMS)}, result.statuses
    return EACH * len(ROOMS) / result.seconds
