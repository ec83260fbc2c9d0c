"""The sensor's memory: at rest beside an empty sensor, and after 100,000 deliveries."""
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional
from urllib.request import urlopen

from benchmarks.children import Server
from benchmarks.load import burst, delivery, request
from benchmarks.measure import Row, alternate, plain
from benchmarks.restart import free_port, hipchat, pack
from benchmarks.settings import signed_url

ROOMS = ["Room {}".format(number) for number in range(50)]
WARM, ALL, STEP = 10000, 100000, 2000  # deliveries
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
            with pack(server.url, free_port(), directory, [], *options) as process:
                return _settled(process)

        ours, theirs = alternate(3, at_rest, lambda: at_rest("--pack", str(empty)))
        port = free_port()
        with pack(server.url, port, directory, []) as process:
            grown = growth(process, port)
    return [
        plain("memory of the sensor at rest (sandbox)", "an empty sensor in the same sandbox",
              ("<=", 12), "MiB more", [our - their for our, their in zip(ours, theirs)]),
        plain("growth of its memory from 10,000 to 100,000 deliveries", "", ("<=", 1), "MiB",
              [grown]),
    ]


def _settled(process: Server) -> float:
    time.sleep(3)
    return process.memory()


def growth(process: Server, port: int) -> float:
    """MiB that a sensor takes more after 100,000 deliveries than after 10,000, all dispatched."""
    url = "http://127.0.0.1:{}/hipchat".format(port)
    _wait(lambda: _health(url) is not None)
    warm = 0.0
    for sent in range(0, ALL, STEP):
        if sent == WARM:
            warm = process.memory()
        result = burst([[request(signed_url(url, room),
                                 delivery("{}/{}/{}".format(room, sent, each), room))
                         for each in range(STEP // len(ROOMS))] for room in ROOMS])
        assert result.statuses == {204: STEP}, result.statuses
    _wait(lambda: _health(url)["waiting"] == 0)
    assert _health(url)["dispatched"] == ALL, _health(url)
    return process.memory() - warm


def _health(url: str) -> Optional[Dict[str, Any]]:
    try:
        with urlopen(url + "/health", timeout=10) as answer:
            return json.loads(answer.read())
    except OSError:
        return None


def _wait(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within {} s".format(seconds)
        time.sleep(0.1)


def _empty_pack(directory: Path) -> Path:
    """A pack that has nothing but a sensor that does nothing."""
    empty = directory / "empty"
    (empty / "sensors").mkdir(parents=True)
    (empty / "pack.yaml").write_text("---\nref: hipchat\nname: hipchat\nversion: 1.0.0\n")
    (empty / "sensors" / "empty.py").write_text(EMPTY)
    (empty / "sensors" / "empty.yaml").write_text(
        "---\nclass_name: EmptySensor\nentry_point: empty.py\ntrigger_types: []\n")
    return empty
