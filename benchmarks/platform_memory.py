"""The sensor's memory at rest in StackStorm's sensor wrapper, beside an empty sensor."""
import tempfile
import time
from pathlib import Path
from typing import List

from benchmarks.children import REPOSITORY
from benchmarks.measure import Row, alternate, plain
from benchmarks.memory import EMPTY
from benchmarks.restart import free_port, hipchat
from benchmarks.settings import config
from benchmarks.stackstorm import host

ROOMS = ["Room {}".format(number) for number in range(50)]
REST = 6  # seconds


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, hipchat(ROOMS) as server:
        empty = Path(name) / "empty.py"
        empty.write_text(EMPTY)

        def at_rest(file: Path, sensor: str) -> float:
            settings = config(server.url, free_port(), str(Path(name) / "spool"), ROOMS)
            with host(file, sensor, settings) as process:
                time.sleep(REST)
                return process.memory()

        ours, theirs = alternate(
            3, lambda: at_rest(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor"),
            lambda: at_rest(empty, "EmptySensor"))
    return [plain("memory of the sensor at rest", "an empty sensor in the same platform",
                  ("<=", 12), "MiB more", [our - their for our, their in zip(ours, theirs)],
                  "{:.0f} MiB in all".format(sorted(ours)[1]))]
