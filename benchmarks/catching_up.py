"""What was said while the sensor was away, beside the same posted to it while it listens."""
import itertools
import tempfile
import time
from pathlib import Path
from typing import ContextManager, List, Tuple

from benchmarks.load import burst, delivery, request
from benchmarks.measure import Row, compared, plain
from benchmarks.restart import pack, rule_of_all_rooms
from benchmarks.settings import signed_url
from benchmarks.soak_hipchat import TalkingHipchat
from benchmarks.waiting import has_looked, health_of, wait
from sandbox.both_servers import free_port

ROOMS, EACH = 50, 100  # messages missed in each room
COUNT = ROOMS * EACH
ROUNDS = 3
PATIENCE = 300.0  # seconds


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name:
        missed = _Missed(Path(name))
        missed.first_sight()
        rounds = [missed.measured() for _ in range(ROUNDS)]
    caught_up, posted, calls = map(list, zip(*rounds))
    return [
        compared("backfill: messages/s read and dispatched, {:,} in {} rooms".format(
            COUNT, ROOMS), "the same messages, posted in a burst to the running sensor",
            (">=", 0.5), "/s", caught_up, posted),
        plain("backfill: calls of HipChat's history per room; one call returns 1,000 messages",
              "", ("<=", 1), "calls", [each / ROOMS for each in calls])]


class _Missed:
    def __init__(self, directory: Path):
        self._directory, self._port = directory, free_port()
        self._hipchat = TalkingHipchat(ROOMS)
        self._rules = [rule_of_all_rooms(directory)]
        self._rounds = itertools.count()

    def first_sight(self) -> None:
        """Rooms that were never looked at have nothing that was missed."""
        with self._pack():
            wait(self._has_looked)

    def measured(self) -> Tuple[float, float, int]:
        """Messages a second caught up, and posted; calls of histories for the former."""
        self._hipchat.talk(COUNT, float("inf"))
        wait(lambda: not self._hipchat.under_way())
        before = self._hipchat.calls("/history")
        with self._pack():
            wait(lambda: health_of(self._port))
            caught_up = self._rate(COUNT, time.monotonic())
            wait(self._has_looked)
            calls = self._hipchat.calls("/history") - before
            started = time.monotonic()
            self._post()
            return caught_up, self._rate(2 * COUNT, started), calls

    def _rate(self, dispatched: int, since: float) -> float:
        wait(lambda: health_of(self._port)["dispatched"] >= dispatched, PATIENCE)
        return COUNT / (time.monotonic() - since)

    def _post(self) -> None:
        number, url = next(self._rounds), f"http://127.0.0.1:{self._port}/hipchat"
        result = burst([[request(signed_url(url, place), delivery(
            f"{number}/{room}/{each}", f"Room {place}"))
            for each in range(EACH)] for place, room in enumerate(self._hipchat.rooms)])
        assert result.statuses == {204: COUNT}, result.statuses

    def _has_looked(self) -> bool:
        return has_looked(self._port, ROOMS)

    def _pack(self) -> ContextManager:
        return pack(self._hipchat.url, self._port, self._directory, self._rules,
                    rooms=[f"Room {number}" for number in range(ROOMS)])
