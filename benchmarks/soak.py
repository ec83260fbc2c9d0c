"""A million deliveries with a fault a minute, through StackStorm's RabbitMQ, in about an hour.

There are 200 rooms with five rules each: one for all messages, and four with filters that no
message matches. Environment: as in benchmarks/stackstorm.py; RABBITMQCTL, the command that controls
the broker (default: rabbitmqctl); SOAK, another number of messages. The soak mounts a file system
for the spool, and fills it; this needs root. Run it on a StackStorm that has nothing else to do.
"""
import contextlib
import itertools
import json
import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple
from urllib.request import urlopen

from benchmarks import curve
from benchmarks.measure import Row, plain
from benchmarks.server_process import REPOSITORY, Server
from benchmarks.settings import config
from benchmarks.soak_hipchat import LoadHipchat
from benchmarks.stackstorm import Api, host, script
from benchmarks.waiting import SLOW_PERIOD, health_of, wait
from sandbox.both_servers import free_port

MESSAGES = int(os.environ.get("SOAK", "1000000"))
RATE = 300.0  # messages a second
ROOMS, RULES = 200, 5  # rooms, and rules in each
EARLY = min(100000, MESSAGES // 10)  # messages before the sample that the last one is compared with
FAULT_PERIOD = 60.0  # seconds
SAMPLE_PERIOD = 10.0  # seconds
RESTART_DELAY = 2.5  # seconds until StackStorm's sensor container starts a sensor again
REST_DELAY = 60.0  # seconds before the last sample, when no room is paused any more
DISPATCH_TIMEOUT = 900.0  # seconds for the last message to be dispatched
DISK = 256  # MiB; the keys of a million dispatched messages take 80
REPEATS_MAX = 10  # deliveries that may be dispatched twice when the sensor or the broker ends


class Sample(NamedTuple):
    """The sensor's state at one moment.

    Attributes:
        seconds: since the start of the soak.
        posted: the number of messages so far.
        memory: MiB.
        handles: open files and sockets.
        greenlets: living greenlets.
        life: the number of the sensor's process, from 1.
    """

    seconds: float
    posted: int
    memory: float
    handles: int
    greenlets: int
    life: int


class Sensor:
    """The pack's sensor in StackStorm's wrapper, restarted after each end."""

    def __init__(self, hipchat: str, directory: str):
        self._port = free_port()
        self._config = config(hipchat, self._port, directory)
        self.lives = 0
        self._start()

    def _start(self) -> None:
        self._process = host(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor",
                             self._config, "soak")
        self.lives += 1

    def kill(self) -> None:
        """Send SIGKILL, and restart the sensor."""
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        """Send SIGTERM, and restart the sensor."""
        self.end()
        time.sleep(RESTART_DELAY)
        self._start()

    def end(self) -> None:
        """End the sensor's process."""
        self._process.__exit__()

    def set_clock(self, ahead: int) -> None:
        """Set the sensor's clock ahead of the machine's, by seconds."""
        self._ask("clock", ahead)

    def sample(self, seconds: float, posted: int) -> Sample:
        """Return the state of the sensor now."""
        greenlets, process = self._ask("greenlets", 0), self._process
        return Sample(seconds=round(seconds, 1), posted=posted, memory=round(process.memory(), 3),
                      handles=process.handles(), greenlets=greenlets, life=self.lives)

    def is_ready(self) -> bool:
        health = health_of(self._port)
        return health.get("status") == "ok" and health["webhooks"]["present"] >= ROOMS

    def has_dispatched_all(self) -> bool:
        return health_of(self._port).get("waiting") == 0

    def _ask(self, what: str, number: int) -> int:
        with urlopen(f"{self._process.url}/{what}/{number}", timeout=10) as answer:
            return json.loads(answer.read())


class Dispatched:
    """The events that the sensor has dispatched, as they arrive from RabbitMQ.

    Attributes:
        numbers: the numbers of each room's messages, in the order of their first arrival.
        repeats: how many messages were dispatched again, by the last fault before.
        redelivered: how many messages RabbitMQ itself delivered again.
        fault: the last fault.
    """

    def __init__(self, queue: Server):
        self.numbers: Dict[int, List[int]] = defaultdict(list)
        self.redelivered, self.repeats = 0, Counter()
        self.fault = "none yet"
        self._seen: Dict[int, set] = defaultdict(set)
        self._queue = queue
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def count(self) -> int:
        """The number of different messages."""
        return sum(map(len, list(self._seen.values())))

    def _read(self) -> None:
        for line in self._queue.lines():
            room, number, is_redelivered = map(int, line.split())
            if number in self._seen[room]:
                self.redelivered += is_redelivered
                self.repeats[self.fault] += not is_redelivered
            else:
                self._seen[room].add(number)
                self.numbers[room].append(number)


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, Api() as api, _small_disk(Path(name)) as disk, \
            script("soak_queue.py", is_isolated=True) as queue:
        hipchat, dispatched = LoadHipchat(ROOMS), Dispatched(queue)
        for room, number in itertools.product(hipchat.rooms, range(RULES)):
            parameters = {"room": str(room)}
            if number:
                parameters["filter"] = f"^deploy service-{number} (.+)$"
            api.make_rule(f"{room} {number}", "hipchat.message", parameters)
        sensor = Sensor(hipchat.url, str(disk / "spool"))
        try:
            wait(sensor.is_ready, 300, SLOW_PERIOD)
            fault_counts: Counter = Counter()
            samples = _run(hipchat, sensor, dispatched, _faults(hipchat, sensor, disk),
                           fault_counts)
        finally:
            sensor.end()
        return _result(hipchat, dispatched, samples, fault_counts)


def _run(hipchat: LoadHipchat, sensor: Sensor, dispatched: Dispatched,
         faults: List[Tuple[str, Callable[[], None]]], fault_counts: Counter) -> List[Sample]:
    """Run until the last message is dispatched.

    Args:
        faults: the name of each fault, and the function that causes it.
        fault_counts: counts the faults.

    Returns:
        The samples, taken while no fault is under way.
    """
    posting = threading.Thread(target=hipchat.post_messages, args=(MESSAGES, RATE))
    samples: List[Sample] = []
    started_at = time.monotonic()
    posting.start()
    turns = itertools.cycle(faults)
    next_fault_at = started_at + FAULT_PERIOD
    while posting.is_alive():
        time.sleep(SAMPLE_PERIOD)
        posted = sum(hipchat.posted.values())
        with contextlib.suppress(OSError):  # the sensor is too busy to respond
            samples.append(sensor.sample(time.monotonic() - started_at, posted))
        if time.monotonic() >= next_fault_at and posting.is_alive():
            next_fault_at += FAULT_PERIOD
            dispatched.fault, cause = next(turns)
            cause()
            fault_counts[dispatched.fault] += 1
            print(f"  {time.monotonic() - started_at:5.0f} s {sum(hipchat.posted.values()):9,} "
                  f"posted {dispatched.count:9,} dispatched {sum(dispatched.repeats.values()):4} "
                  f"again {samples[-1].memory:5.1f} MiB  {dispatched.fault}", flush=True)
    with contextlib.suppress(TimeoutError):  # messages that have not arrived count as lost
        wait(lambda: dispatched.count >= MESSAGES, DISPATCH_TIMEOUT, SLOW_PERIOD)
    wait(sensor.has_dispatched_all, period=SLOW_PERIOD)
    time.sleep(REST_DELAY)
    samples.append(sensor.sample(time.monotonic() - started_at, MESSAGES))
    return samples


def _faults(hipchat: LoadHipchat, sensor: Sensor, disk: Path
            ) -> List[Tuple[str, Callable[[], None]]]:
    """Return each fault's name and function; the function returns when the fault is over."""
    def broker_stopped() -> None:
        _rabbitmqctl("stop_app")
        time.sleep(5)
        _rabbitmqctl("start_app")

    def broker_alarm() -> None:
        _rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
        time.sleep(5)
        _rabbitmqctl("set_vm_memory_high_watermark", "0.4")

    def hipchat_fails(**fault: Any) -> Callable[[], None]:
        def cause() -> None:
            hipchat.fail(**fault)
            hipchat.delete_webhooks(5)  # so that the sensor calls HipChat
            time.sleep(10)
            hipchat.heal()
        return cause

    def disk_full() -> None:
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", 0) as file:
            while True:
                file.write(bytes(4096))
        time.sleep(5)
        filler.unlink()

    def clock_back() -> None:
        sensor.set_clock(-60)
        time.sleep(10)
        sensor.set_clock(0)

    return [("broker stopped", broker_stopped), ("broker alarm", broker_alarm),
            ("SIGKILL", sensor.kill), ("SIGTERM", sensor.stop),
            ("HipChat 500", hipchat_fails(status=500)),
            ("HipChat 429", hipchat_fails(rate_limited=True)),
            ("webhooks deleted", lambda: hipchat.delete_webhooks(20)),
            ("room renamed", hipchat.rename), ("disk full", disk_full),
            ("clock set back", clock_back)]


def _result(hipchat: LoadHipchat, dispatched: Dispatched, samples: List[Sample],
            fault_counts: Counter) -> List[Row]:
    curve.write([sample._asdict() for sample in samples])
    late, disordered = _order(hipchat, dispatched)
    ends = fault_counts["SIGKILL"] + fault_counts["SIGTERM"] + fault_counts["broker stopped"]
    early, last = next(each for each in samples if each.posted >= EARLY), samples[-1]
    against = f"after {EARLY:,} messages"

    def row(what: str, against: str, bound: float, unit: str, value: float, note: str = "") -> Row:
        return plain("soak: " + what, against, ("<=", bound), unit, [value], note)

    return [
        row("lost", "", 0, "messages", MESSAGES - dispatched.count,
            f"{MESSAGES:,} in {ROOMS} rooms with {ROOMS * RULES:,} rules, "
            f"{MESSAGES / samples[-2].seconds:.0f} a second; faults: {_counts(fault_counts)}; "
            f"responses: {_counts(hipchat.statuses)}"),
        row("out of order in a room, of the messages that a webhook delivered", "", 0, "messages",
            disordered, f"{late:,} backfilled messages came after newer ones"),
        row("dispatched again", "", REPEATS_MAX * ends, "messages",
            sum(dispatched.repeats.values()),
            f"after: {_counts(dispatched.repeats) or 'nothing'}; RabbitMQ redelivered "
            f"{dispatched.redelivered} that were not yet acknowledged"),
        row("memory at the end, increase", against, 2, "MiB", last.memory - early.memory,
            f"highest growth of a process after its second minute: {_growth(samples):.2f} MiB"),
        row("file handles at the end, increase", against, 5, "", last.handles - early.handles),
        row("greenlets at the end, increase", against, 5, "", last.greenlets - early.greenlets)]


def _counts(counter: Counter) -> str:
    return ", ".join(f"{'none' if key is None else key} {count:,}"
                     for key, count in counter.most_common())


def _order(hipchat: LoadHipchat, dispatched: Dispatched) -> Tuple[int, int]:
    """Return how many messages came after newer ones: backfilled ones, and delivered ones."""
    late = disordered = 0
    for room, numbers in dispatched.numbers.items():
        newest = -1
        for number in numbers:
            if number < newest:
                late += number not in hipchat.accepted[room]
                disordered += number in hipchat.accepted[room]
            elif number in hipchat.accepted[room]:
                newest = number
    return late, disordered


def _growth(samples: List[Sample]) -> float:
    """Return the highest growth of a process's memory after its first 12 samples, in MiB."""
    lives = [[each.memory for each in samples if each.life == life][12:]
             for life in {sample.life for sample in samples}]
    return max([max(life) - life[0] for life in lives if life], default=0.0)


@contextlib.contextmanager
def _small_disk(parent: Path) -> Iterator[Path]:
    """Mount a file system of DISK MiB for the spool; yield its directory."""
    disk = parent / "disk"
    disk.mkdir()
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs",
                           str(disk)])
    try:
        yield disk
    finally:
        subprocess.check_call(["umount", "--lazy", str(disk)])


def _rabbitmqctl(*arguments: str) -> None:
    subprocess.check_call([*shlex.split(os.environ.get("RABBITMQCTL", "rabbitmqctl")),
                           *arguments], stdout=subprocess.DEVNULL)
