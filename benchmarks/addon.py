"""The pack as an add-on in 5,000 rooms: calls and time of a restart, and memory at rest."""
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple

from benchmarks.measure import Row, alternate, compared, plain
from benchmarks.restart import hipchat, pack, rule_of_all_rooms
from benchmarks.server_process import Server
from benchmarks.waiting import are_histories_read, health_of, wait
from hipchat.config.addon import REFERENCE, Addon
from hipchat.webhook.addon_urls import AddonUrls
from sandbox.both_servers import free_port
from sandbox.control_client import ControlClient

MANY, FEW = 5000, 500  # rooms
ROUNDS = 2
HISTORIES_TIMEOUT = 600.0  # seconds until the histories of all rooms are read
REST_DELAY = 3.0  # seconds until memory is at rest


class Restart(NamedTuple):
    """The measurements of one restart.

    Attributes:
        first_dispatch: seconds from the start of the process to the first dispatched message.
        histories_read: seconds from the start of the process until every history was read.
        calls: the number of calls of HipChat's API, without those for histories.
        histories: the number of calls for histories.
        memory: MiB at rest.
    """

    first_dispatch: float
    histories_read: float
    calls: int
    histories: int
    memory: float


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, _addon(Path(name), MANY) as many, \
            _addon(Path(name), FEW) as few:
        ours, theirs = alternate(ROUNDS, many, few)
    what, against = f"an add-on in {MANY:,} rooms: ", f"in {FEW} rooms"
    per_room = [
        [1000 * (each.histories_read - each.first_dispatch) / count for each in side]
        for side, count in ((ours, MANY), (theirs, FEW))]
    return [
        plain(f"{what}calls of HipChat at a restart, besides {ours[-1].histories:,} for histories",
              "", ("<=", 20), "calls", [each.calls for each in ours]),
        compared(what + "from a restart to the first message received", against, ("<=", 1.5), "s",
                 [each.first_dispatch for each in ours],
                 [each.first_dispatch for each in theirs]),
        compared(what + "time per room until all histories were read, without a rate "
                 "limit", against, ("<=", 1.5), "ms", *per_room),
        plain(what + "memory of the sensor at rest (sandbox)", against, ("<=", 12), "MiB more",
              [our.memory - their.memory for our, their in zip(ours, theirs)])]


@contextlib.contextmanager
def _addon(directory: Path, rooms: int) -> Iterator[Callable[[], Restart]]:
    """Install the pack in a HipChat with this number of rooms; yield a function that measures a
    restart."""
    place = directory / str(rooms)
    place.mkdir()
    names = [f"Room {number}" for number in range(rooms)]
    with hipchat(names, "--rate-limit", str(10 ** 9)) as server:
        people, port, store = ControlClient(server.url), free_port(), place / "datastore.json"

        def run_pack() -> Any:
            return pack(server.url, port, place, [rule_of_all_rooms(place)], "--datastore",
                        str(store), api_key=None, rooms="all",
                        addon={"enabled": True, "credentials": REFERENCE})

        def restart() -> Restart:
            people.forget()
            started_at = time.monotonic()
            with run_pack() as process:
                return _measure(process, port, people, names, started_at)

        with run_pack():
            wait(lambda: store.exists() and health_of(port))
            people.install(_descriptor(port, store))
            # A room's first reading backfills nothing.
            wait(lambda: are_histories_read(port, rooms), HISTORIES_TIMEOUT)
        yield restart


def _measure(process: Server, port: int, people: ControlClient, names: List[str],
             started_at: float) -> Restart:
    wait(lambda: health_of(port).get("addon") == {"installed": True})
    people.say(names[-1], "Ann", "hello")
    wait(lambda: health_of(port)["dispatched"])
    first_dispatch = time.monotonic() - started_at
    wait(lambda: are_histories_read(port, len(names)), HISTORIES_TIMEOUT)
    histories_read = time.monotonic() - started_at
    histories = ["/history" in call["path"] for call in people.requests()]
    time.sleep(REST_DELAY)
    return Restart(first_dispatch=first_dispatch, histories_read=histories_read,
                   calls=histories.count(False), histories=histories.count(True),
                   memory=process.memory())


def _descriptor(port: int, store: Path) -> str:
    stored = json.loads(store.read_text())["hipchat_addon"]
    return AddonUrls(f"http://127.0.0.1:{port}/hipchat", Addon.read(stored).secret).descriptor
