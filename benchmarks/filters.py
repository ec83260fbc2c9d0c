"""Matching of one delivery with 1,000 filters of one room, and with ten filters of all rooms."""
import itertools
import logging
import re
import time
from typing import Callable, List

from benchmarks.measure import Row, alternate, compared, plain
from hipchat.api.room_directory import RoomDirectory
from hipchat.config.sensor_settings import EVERYWHERE
from hipchat.webhook.webhook_url import Address
from listening.subscriptions import Subscriptions

ADDRESS = Address("room_message", 1001)
FILTERS = 1000
FEW, ROOMS = 10, 5000
ROUNDS = 15
TEXT = "Please deploy service-400 42 when the tests are green, thanks everybody"
UNMATCHED = "Who comes along for lunch? It is a quarter past twelve, thanks everybody"
VERBS = ("deploy", "restart", "rollback", "scale", "status", "logs", "ack", "silence")
# With each of these, a search by Python's re would not end within days.
HOSTILE = ("(a+)+$", "(a|aa)+$", "(a|a?)+$", "([a-z]+)*$", "(.*a){11}$", "(a*)*$", "(x+x+)+y")
HOSTILE_TEXT = "a" * 50 + "b"


def rows() -> List[Row]:
    friendly = [f"{VERBS[number % len(VERBS)]} service-{number} (\\d+)"
                for number in range(FILTERS)]
    hostile = [HOSTILE[number % len(HOSTILE)] + f"|never{number}"
               for number in range(FILTERS)]
    compiled = [re.compile(pattern) for pattern in friendly]
    pack, attacked = _subscriptions(friendly), _subscriptions(hostile)

    def ours() -> List[List[str]]:
        return [groups for _, groups in pack.matching(ADDRESS, TEXT)]

    def theirs() -> List[List[str]]:
        return [list(match.groups("")) for match in (each.search(TEXT) for each in compiled)
                if match]

    assert ours() == theirs() == [["42"]]
    measured = alternate(ROUNDS, lambda: _each(ours), lambda: _each(theirs))
    cold = [1000 * _once(_subscriptions(hostile)) for _ in range(5)]
    warm = [1000 * _each(lambda: attacked.matching(ADDRESS, HOSTILE_TEXT))
            for _ in range(ROUNDS)]
    built = [1000 * _once(_subscriptions(friendly)) for _ in range(5)]
    return [
        compared("one delivery against 1,000 filters of one room", "Python `re` in a loop",
                 ("<=", 1.5), "µs", [1e6 * each for each in measured[0]],
                 [1e6 * each for each in measured[1]]),
        plain("one delivery against 1,000 hostile filters", "`re` does not end", ("<=", 5), "ms",
              warm, "the first delivery after a change of the rules compiles the filters: "
              f"{sorted(cold)[2]:.0f} ms ({sorted(built)[2]:.0f} ms for 1,000 ordinary ones)"),
        _everywhere(friendly[:FEW]),
    ]


def _everywhere(patterns: List[str]) -> Row:
    """Measure `rooms: all` with a message that matches no filter."""
    alone, everywhere = _subscriptions(patterns), _subscriptions(patterns, in_all=ROOMS)
    addresses = itertools.cycle(everywhere.required())
    assert alone.matching(ADDRESS, UNMATCHED) == everywhere.matching(
        next(addresses), UNMATCHED) == []
    ours, theirs = alternate(
        ROUNDS, lambda: _each(lambda: everywhere.matching(next(addresses), UNMATCHED), ROOMS),
        lambda: _each(lambda: alone.matching(ADDRESS, UNMATCHED), ROOMS))
    return compared(
        f"`rooms: all`: a message that matches none of ten filters, in one of {ROOMS:,} rooms",
        "the same filters and message, for one room", ("<=", 1.1), "µs",
        [1e6 * each for each in ours], [1e6 * each for each in theirs])


def _subscriptions(patterns: List[str], in_all: int = 0) -> Subscriptions:
    """Return subscriptions with these filters.

    Args:
        in_all: the number of rooms, for subscriptions of all rooms; 0 for one room only.
    """
    directory = RoomDirectory()
    directory.replace([{"id": ADDRESS.room_id + number, "name": f"Room {number}"}
                    for number in range(in_all)])
    subscriptions = Subscriptions([EVERYWHERE] if in_all else [], ["message"], directory,
                          logging.getLogger("benchmarks"), lambda: None)
    place = {} if in_all else {"room": ADDRESS.room_id}
    subscriptions.replace([
        {"ref": f"hipchat.{number}", "id": str(number), "type": "hipchat.message",
         "parameters": dict(place, filter=pattern)} for number, pattern in enumerate(patterns)])
    return subscriptions


def _once(subscriptions: Subscriptions) -> float:
    """Return the seconds of the first matching, which compiles the filters."""
    started = time.perf_counter()
    subscriptions.matching(ADDRESS, HOSTILE_TEXT)
    return time.perf_counter() - started


def _each(function: Callable, times: int = 50) -> float:
    """Return the mean seconds of a call."""
    started = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - started) / times
