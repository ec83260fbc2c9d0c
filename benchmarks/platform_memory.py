"""The sensor's memory in StackStorm's sensor wrapper: at rest, and after 100,000 deliveries.

These are dispatched to a queue of RabbitMQ that keeps none, since to put as many into StackStorm's
database would take the rules engine an hour.
"""
import tempfile
import time
from pathlib import Path
from typing import List

from benchmarks.children import REPOSITORY, Server
from benchmarks.measure import Row, alternate, plain
from benchmarks.memory import EMPTY, ROOMS, growth
from benchmarks.restart import free_port, hipchat
from benchmarks.settings import config
from benchmarks.stackstorm import host

REST = 6  # seconds
ROUNDS = 3


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, hipchat(ROOMS) as server:
        empty = Path(name) / "empty.py"
        empty.write_text(EMPTY)

        def pack(port: int, *more: str) -> Server:
            return host(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor",
                        config(server.url, port, str(Path(name) / "spool"), ROOMS), *more)

        ours, theirs = alternate(ROUNDS, lambda: _at_rest(pack(free_port())),
                                 lambda: _at_rest(host(empty, "EmptySensor", {})))
        grown = []
        for _ in range(ROUNDS):
            port = free_port()
            with pack(port, "unheard") as process:
                grown.append(growth(process, port))
    return [plain("memory of the sensor at rest", "an empty sensor in the same platform",
                  ("<=", 12), "MiB more", [our - their for our, their in zip(ours, theirs)],
                  "{:.0f} MiB in all".format(sorted(ours)[1])),
            plain("growth of its memory from 10,000 to 100,000 deliveries", "", ("<=", 1), "MiB",
                  grown)]


def _at_rest(server: Server) -> float:
    with server as process:
        time.sleep(REST)
        return process.memory()
