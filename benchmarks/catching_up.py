"""A backfill of missed messages, compared with the same messages posted to the running sensor."""
import itertools
import tempfile
import time
from pathlib import Path
from typing import ContextManager, List, Tuple

from benchmarks.load import burst, delivery, request
from benchmarks.measure import Row, compared, plain
from benchmarks.restart import pack, rule_of_all_rooms
from benchmarks.settings import signed_url
from benchmarks.soak_hipchat import LoadHipchat
from benchmarks.waiting import are_histories_read, health_of, wait
from sandbox.both_servers import free_port

ROOMS, EACH = 50, 100  # messages missed in each room
COUNT = ROOMS * EACH
ROUNDS = 3
DISPATCH_TIMEOUT = 300.0  # seconds


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name:
        bench = _Bench(Path(name))
        bench.set_cursors()
        rounds = [bench.measure() for _ in range(ROUNDS)]
    backfilled, posted, calls = map(list, zip(*rounds))
    return [
        compared(f"backfill: messages/s read and dispatched, {COUNT:,} in {ROOMS} rooms",
                 "the same messages, posted in a burst to the running sensor",
                 (">=", 0.5), "/s", backfilled, posted),
        plain("backfill: calls of HipChat's history per room; one call returns 1,000 messages",
              "", ("<=", 1), "calls", [each / ROOMS for each in calls])]


class _Bench:
    """A sensor that is stopped while messages are posted, and started again."""

    def __init__(self, directory: Path):
        self._directory, self._port = directory, free_port()
        self._hipchat = LoadHipchat(ROOMS)
        self._rules = [rule_of_all_rooms(directory)]
        self._rounds = itertools.count()

    def set_cursors(self) -> None:
        """Let the sensor read each room once: the first reading of a room backfills nothing."""
        with self._pack():
            wait(self._are_histories_read)

    def measure(self) -> Tuple[float, float, int]:
        """Return backfilled messages/s, posted messages/s, and the backfill's history calls."""
        self._hipchat.post_messages(COUNT, float("inf"))
        wait(lambda: not self._hipchat.undelivered())
        before = self._hipchat.calls("/history")
        with self._pack():
            wait(lambda: health_of(self._port))
            backfilled = self._rate(COUNT, time.monotonic())
            wait(self._are_histories_read)
            calls = self._hipchat.calls("/history") - before
            started = time.monotonic()
            self._post()
            return backfilled, self._rate(2 * COUNT, started), calls

    def _rate(self, dispatched: int, since: float) -> float:
        wait(lambda: health_of(self._port)["dispatched"] >= dispatched, DISPATCH_TIMEOUT)
        return COUNT / (time.monotonic() - since)

    def _post(self) -> None:
        number, url = next(self._rounds), f"http://127.0.0.1:{self._port}/hipchat"
        result = burst([[request(signed_url(url, place), delivery(
            f"{number}/{room}/{each}", f"Room {place}"))
            for each in range(EACH)] for place, room in enumerate(self._hipchat.rooms)])
        assert result.statuses == {204: COUNT}, result.statuses

    def _are_histories_read(self) -> bool:
        return are_histories_read(self._port, ROOMS)

    def _pack(self) -> ContextManager:
        return pack(self._hipchat.url, self._port, self._directory, self._rules,
                    rooms=[f"Room {number}" for number in range(ROOMS)])
