"""The sensor's memory in StackStorm's sensor wrapper: at rest, and after 100,000 deliveries.

The deliveries are dispatched to a queue of RabbitMQ that keeps none: the rules engine would need an
hour to store them all in StackStorm's database.
"""
import tempfile
import time
from pathlib import Path
from typing import List

from benchmarks.server_process import REPOSITORY, Server
from benchmarks.load import burst, delivery, request
from benchmarks.measure import Row, alternate, plain
from benchmarks.memory import EMPTY, ROOMS
from benchmarks.restart import hipchat
from benchmarks.settings import config, signed_url
from benchmarks.stackstorm import host
from benchmarks.waiting import SLOW_PERIOD, health_of, wait
from sandbox.both_servers import free_port

REST_DELAY = 6  # seconds until memory is at rest
DISPATCH_TIMEOUT = 300.0  # seconds until all deliveries are dispatched
WARM, ALL, STEP = 10000, 100000, 2000  # deliveries
ROUNDS = 3


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, hipchat(ROOMS) as server:
        empty = Path(name) / "empty.py"
        empty.write_text(EMPTY)

        def pack(port: int, *more: str) -> Server:
            return host(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor",
                        config(server.url, port, str(Path(name) / str(port)), ROOMS), *more)

        ours, theirs = alternate(ROUNDS, lambda: _at_rest(pack(free_port())),
                                 lambda: _at_rest(host(empty, "EmptySensor", {})))
        grown = []
        for _ in range(ROUNDS):
            port = free_port()
            with pack(port, "discard") as process:
                grown.append(_growth(process, port))
    return [plain("memory of the sensor at rest", "an empty sensor in the same platform",
                  ("<=", 12), "MiB more", [our - their for our, their in zip(ours, theirs)],
                  f"{sorted(ours)[1]:.0f} MiB in all"),
            plain("growth of its memory from 10,000 to 100,000 deliveries", "", ("<=", 1), "MiB",
                  grown)]


def _at_rest(server: Server) -> float:
    with server as process:
        time.sleep(REST_DELAY)
        return process.memory()


def _growth(process: Server, port: int) -> float:
    """Return by how many MiB memory grows from 10,000 dispatched deliveries to 100,000."""
    url = f"http://127.0.0.1:{port}/hipchat"
    wait(lambda: health_of(port))
    warm = 0.0
    for sent in range(0, ALL, STEP):
        if sent == WARM:
            _wait_for_dispatch(port)
            warm = process.memory()
        result = burst([[request(signed_url(url, place),
                                 delivery(f"{room}/{sent}/{each}", room))
                         for each in range(STEP // len(ROOMS))]
                        for place, room in enumerate(ROOMS)])
        assert result.statuses == {204: STEP}, result.statuses
    _wait_for_dispatch(port)
    assert health_of(port)["dispatched"] == ALL, health_of(port)
    return process.memory() - warm


def _wait_for_dispatch(port: int) -> None:
    wait(lambda: health_of(port)["waiting"] == 0, DISPATCH_TIMEOUT, SLOW_PERIOD)
