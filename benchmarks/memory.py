"""The sensor's memory at rest, in the sandbox."""
import tempfile
import time
from pathlib import Path
from typing import List

from benchmarks.measure import Row, alternate, plain
from benchmarks.restart import hipchat, pack
from sandbox.both_servers import free_port

ROOMS = [f"Room {number}" for number in range(50)]
ROUNDS = 3
REST_DELAY = 3.0  # seconds until memory is at rest
EMPTY = '''
from st2reactor.sensor.base import Sensor


class EmptySensor(Sensor):
    def setup(self): pass

    def run(self):
        import eventlet
        while True:
            eventlet.sleep(0.2)

    def cleanup(self): pass

    def add_trigger(self, trigger): pass

    def update_trigger(self, trigger): pass

    def remove_trigger(self, trigger): pass
'''


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, hipchat(ROOMS) as server:
        directory = Path(name)
        empty = _empty_pack(directory)

        def at_rest(*options: str) -> float:
            with pack(server.url, free_port(), directory, [], *options, rooms=ROOMS) as process:
                time.sleep(REST_DELAY)
                return process.memory()

        ours, theirs = alternate(ROUNDS, at_rest, lambda: at_rest("--pack", str(empty)))
    return [plain("memory of the sensor at rest (sandbox)", "an empty sensor in the same sandbox",
                  ("<=", 12), "MiB more", [our - their for our, their in zip(ours, theirs)])]


def _empty_pack(directory: Path) -> Path:
    """Create a pack with one sensor that does nothing; return its directory."""
    empty = directory / "empty"
    (empty / "sensors").mkdir(parents=True)
    (empty / "pack.yaml").write_text("---\nref: hipchat\nname: hipchat\nversion: 1.0.0\n")
    (empty / "sensors" / "empty.py").write_text(EMPTY)
    (empty / "sensors" / "empty.yaml").write_text(
        "---\nclass_name: EmptySensor\nentry_point: empty.py\ntrigger_types: []\n")
    return empty
