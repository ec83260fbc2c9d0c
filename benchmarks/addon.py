"""The pack as an add-on in 5,000 rooms: what a restart asks of HipChat, and memory at rest."""
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple

from benchmarks.measure import Row, alternate, compared, plain
from benchmarks.restart import hipchat, pack, rule_of_all_rooms
from benchmarks.server_process import Server
from benchmarks.waiting import has_looked, health_of, wait
from hipchat.config.addon import REFERENCE, Addon
from hipchat.webhook.addon_urls import AddonUrls
from sandbox.both_servers import free_port
from sandbox.control_client import ControlClient

MANY, FEW = 5000, 500  # rooms
ROUNDS = 2
PATIENCE = 600.0  # seconds for the histories of all rooms
REST = 3.0  # seconds until memory is at rest


class Restart(NamedTuple):
    """heard: seconds from the start of the process until a message is dispatched; looked: until the
    history of each room was looked at; calls: of HipChat, but for histories; memory: MiB at rest.
    """

    heard: float
    looked: float
    calls: int
    histories: int
    memory: float


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, _addon(Path(name), MANY) as many, \
            _addon(Path(name), FEW) as few:
        ours, theirs = alternate(ROUNDS, many, few)
    what, against = f"an add-on in {MANY:,} rooms: ", f"in {FEW} rooms"
    looks = [[1000 * (each.looked - each.heard) / count for each in side]
             for side, count in ((ours, MANY), (theirs, FEW))]
    return [
        plain(what + "calls of HipChat at a restart, besides {:,} for histories".format(
            ours[-1].histories), "", ("<=", 20), "calls", [each.calls for each in ours]),
        compared(what + "from a restart to the first message received", against, ("<=", 1.5), "s",
                 [each.heard for each in ours], [each.heard for each in theirs]),
        compared(what + "time per room until all histories were read, without a rate "
                 "limit", against, ("<=", 1.5), "ms", *looks),
        plain(what + "memory of the sensor at rest (sandbox)", against, ("<=", 12), "MiB more",
              [our.memory - their.memory for our, their in zip(ours, theirs)])]


@contextlib.contextmanager
def _addon(directory: Path, rooms: int) -> Iterator[Callable[[], Restart]]:
    """Install the pack in a HipChat with so many rooms; what restarts and measures it."""
    place = directory / str(rooms)
    place.mkdir()
    names = [f"Room {number}" for number in range(rooms)]
    with hipchat(names, "--rate-limit", str(10 ** 9)) as server:
        people, port, store = ControlClient(server.url), free_port(), place / "datastore.json"

        def started() -> Any:
            return pack(server.url, port, place, [rule_of_all_rooms(place)], "--datastore",
                        str(store), api_key=None, rooms="all",
                        addon={"enabled": True, "credentials": REFERENCE})

        def restart() -> Restart:
            people.forget()
            begun = time.monotonic()
            with started() as process:
                return _measured(process, port, people, names, begun)

        with started():
            wait(lambda: store.exists() and health_of(port))
            people.install(_descriptor(port, store))
            wait(lambda: has_looked(port, rooms), PATIENCE)  # what is said before is old
        yield restart


def _measured(process: Server, port: int, people: ControlClient, names: List[str],
              begun: float) -> Restart:
    wait(lambda: health_of(port).get("addon") == {"installed": True})
    people.say(names[-1], "Ann", "hello")
    wait(lambda: health_of(port)["dispatched"])
    heard = time.monotonic() - begun
    wait(lambda: has_looked(port, len(names)), PATIENCE)
    looked = time.monotonic() - begun
    histories = ["/history" in call["path"] for call in people.requests()]
    time.sleep(REST)
    return Restart(heard, looked, histories.count(False), histories.count(True), process.memory())


def _descriptor(port: int, store: Path) -> str:
    kept = json.loads(store.read_text())["hipchat_addon"]
    return AddonUrls(f"http://127.0.0.1:{port}/hipchat", Addon.read(kept).secret).descriptor
