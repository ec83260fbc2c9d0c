"""A day in an hour: a million deliveries with a fault a minute, through a StackStorm's RabbitMQ.

Environment: as benchmarks/stackstorm.py says; RABBITMQCTL, the command that controls the broker
(rabbitmqctl); SOAK, another number of messages. Needs the right to mount a file system, which it
fills. People talk in 200 rooms, where 1,000 rules listen: one to all that is said, four to what
nobody says. Run it on a StackStorm that has nothing else to do.
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
from benchmarks.soak_hipchat import TalkingHipchat
from benchmarks.stackstorm import Api, host, script
from benchmarks.waiting import SELDOM, health_of, wait
from sandbox.both_servers import free_port

MESSAGES = int(os.environ.get("SOAK", "1000000"))
RATE = 300.0  # a second
ROOMS, RULES = 200, 5  # in each room
EARLY = min(100000, MESSAGES // 10)  # messages until what is compared with the end
FAULT_EVERY = 60.0  # seconds
SAMPLE_EVERY = 10.0
RESPAWN = 2.5  # seconds until StackStorm's container starts a sensor again
REST = 60.0  # until the last sample: what holds a room's deliveries back after a start is over
PATIENCE = 900.0  # seconds for the last message to come
DISK = 256  # MiB, of which 80 are for what is remembered of a million messages
AT_AN_END = 10  # deliveries that may be dispatched again where the sensor or the broker ends


class Sample(NamedTuple):
    """At a moment, in seconds from the start; memory in MiB; life: which process it was."""

    seconds: float
    said: int
    memory: float
    handles: int
    greenlets: int
    life: int


class Sensor:
    """The pack's sensor in StackStorm's wrapper, started again when it has ended."""

    def __init__(self, hipchat: str, directory: str):
        self._port = free_port()
        self._config = config(hipchat, self._port, directory)
        self.lives = 0
        self._start()

    def _start(self) -> None:
        self._process = host(REPOSITORY / "sensors" / "webhook_sensor.py", "WebhookSensor",
                             self._config, "watched")
        self.lives += 1

    def kill(self) -> None:
        self._process.kill()
        self.end()
        time.sleep(RESPAWN)
        self._start()

    def stop(self) -> None:
        self.end()
        time.sleep(RESPAWN)
        self._start()

    def end(self) -> None:
        self._process.__exit__()

    def set_clock(self, ahead: int) -> None:
        self._ask("clock", ahead)

    def sample(self, seconds: float, said: int) -> Sample:
        greenlets, process = self._ask("greenlets", 0), self._process
        return Sample(round(seconds, 1), said, round(process.memory(), 3), process.handles(),
                      greenlets, self.lives)

    def is_ready(self) -> bool:
        health = health_of(self._port)
        return health.get("status") == "ok" and health["webhooks"]["present"] >= ROOMS

    def has_dispatched_all(self) -> bool:
        return health_of(self._port).get("waiting") == 0

    def _ask(self, what: str, number: int) -> int:
        with urlopen(f"{self._process.url}/{what}/{number}", timeout=10) as answer:
            return json.loads(answer.read())


class Heard:
    """What came out of RabbitMQ. numbers: of the messages of each room, as each came first;
    repeats: how many came again after which fault; given_again: how many more RabbitMQ gave again,
    as it says."""

    def __init__(self, queue: Server):
        self.numbers: Dict[int, List[int]] = defaultdict(list)
        self.given_again, self.repeats = 0, Counter()
        self.fault = "none yet"
        self._seen: Dict[int, set] = defaultdict(set)
        self._queue = queue
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def count(self) -> int:
        """How many different messages."""
        return sum(map(len, list(self._seen.values())))

    def _read(self) -> None:
        for line in self._queue.lines():
            room, number, again = map(int, line.split())
            if number in self._seen[room]:
                self.given_again += again
                self.repeats[self.fault] += not again
            else:
                self._seen[room].add(number)
                self.numbers[room].append(number)


def rows() -> List[Row]:
    with tempfile.TemporaryDirectory() as name, Api() as api, _small_disk(Path(name)) as disk, \
            script("soak_queue.py", apart=True) as queue:
        hipchat, heard = TalkingHipchat(ROOMS), Heard(queue)
        for room, number in itertools.product(hipchat.rooms, range(RULES)):
            parameters = {"room": str(room)}
            if number:
                parameters["filter"] = f"^deploy service-{number} (.+)$"
            api.make_rule(f"{room} {number}", "hipchat.message", parameters)
        sensor = Sensor(hipchat.url, str(disk / "spool"))
        try:
            wait(sensor.is_ready, 300, SELDOM)
            struck: Counter = Counter()
            samples = _run(hipchat, sensor, heard, _faults(hipchat, sensor, disk), struck)
        finally:
            sensor.end()
        return _result(hipchat, heard, samples, struck)


def _run(hipchat: TalkingHipchat, sensor: Sensor, heard: Heard,
         faults: List[Tuple[str, Callable[[], None]]], struck: Counter) -> List[Sample]:
    """Until the last message has come; samples are taken while no fault is under way. struck
    counts the faults."""
    talking = threading.Thread(target=hipchat.talk, args=(MESSAGES, RATE))
    samples: List[Sample] = []
    begun = time.monotonic()
    talking.start()
    turns = itertools.cycle(faults)
    next_fault = begun + FAULT_EVERY
    while talking.is_alive():
        time.sleep(SAMPLE_EVERY)
        said = sum(hipchat.said.values())
        with contextlib.suppress(OSError):  # it has no time to answer just now
            samples.append(sensor.sample(time.monotonic() - begun, said))
        if time.monotonic() >= next_fault and talking.is_alive():
            next_fault += FAULT_EVERY
            heard.fault, strike = next(turns)
            strike()
            struck[heard.fault] += 1
            print("  {:5.0f} s {:9,} said {:9,} heard {:4} again {:5.1f} MiB  {}".format(
                time.monotonic() - begun, sum(hipchat.said.values()), heard.count,
                sum(heard.repeats.values()), samples[-1].memory, heard.fault), flush=True)
    with contextlib.suppress(TimeoutError):  # what has not come is counted as lost
        wait(lambda: heard.count >= MESSAGES, PATIENCE, SELDOM)
    wait(sensor.has_dispatched_all, pause=SELDOM)
    time.sleep(REST)
    samples.append(sensor.sample(time.monotonic() - begun, MESSAGES))
    return samples


def _faults(hipchat: TalkingHipchat, sensor: Sensor, disk: Path
            ) -> List[Tuple[str, Callable[[], None]]]:
    """Each begins, lasts some seconds and is over when its function returns."""
    def broker_stopped() -> None:
        _rabbitmqctl("stop_app")
        time.sleep(5)
        _rabbitmqctl("start_app")

    def broker_alarm() -> None:
        _rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
        time.sleep(5)
        _rabbitmqctl("set_vm_memory_high_watermark", "0.4")

    def hipchat_fails(**fault: Any) -> Callable[[], None]:
        def strike() -> None:
            hipchat.fail(**fault)
            hipchat.delete_webhooks(5)  # so that there is something to ask for
            time.sleep(10)
            hipchat.heal()
        return strike

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


def _result(hipchat: TalkingHipchat, heard: Heard, samples: List[Sample], struck: Counter
            ) -> List[Row]:
    curve.write([sample._asdict() for sample in samples])
    late, disordered = _order(hipchat, heard)
    ends = struck["SIGKILL"] + struck["SIGTERM"] + struck["broker stopped"]
    early, last = next(each for each in samples if each.said >= EARLY), samples[-1]
    against = f"after {EARLY:,} messages"

    def row(what: str, against: str, bound: float, unit: str, value: float, note: str = "") -> Row:
        return plain("soak: " + what, against, ("<=", bound), unit, [value], note)

    return [
        row("lost", "", 0, "messages", MESSAGES - heard.count,
            "{:,} in {} rooms with {:,} rules, {:.0f} a second; faults: {}; answers: {}".format(
                MESSAGES, ROOMS, ROOMS * RULES, MESSAGES / samples[-2].seconds, _counts(struck),
                _counts(hipchat.answers))),
        row("out of order in a room, of the messages that a webhook delivered", "", 0, "messages",
            disordered, f"{late:,} backfilled messages came after newer ones"),
        row("dispatched again", "", AT_AN_END * ends, "messages", sum(heard.repeats.values()),
            "after: {}; RabbitMQ redelivered {} that were not yet acknowledged".format(
                _counts(heard.repeats) or "nothing", heard.given_again)),
        row("memory at the end, increase", against, 2, "MiB", last.memory - early.memory,
            f"highest growth of a process after its second minute: {_growth(samples):.2f} MiB"),
        row("file handles at the end, increase", against, 5, "", last.handles - early.handles),
        row("greenlets at the end, increase", against, 5, "", last.greenlets - early.greenlets)]


def _counts(counter: Counter) -> str:
    return ", ".join(f"{'none' if what is None else what} {count:,}"
                     for what, count in counter.most_common())


def _order(hipchat: TalkingHipchat, heard: Heard) -> Tuple[int, int]:
    """How many that no webhook brought came after newer ones, and how many of the others."""
    late = disordered = 0
    for room, numbers in heard.numbers.items():
        newest = -1
        for number in numbers:
            if number < newest:
                late += number not in hipchat.accepted[room]
                disordered += number in hipchat.accepted[room]
            elif number in hipchat.accepted[room]:
                newest = number
    return late, disordered


def _growth(samples: List[Sample]) -> float:
    lives = [[each.memory for each in samples if each.life == life][12:]
             for life in {sample.life for sample in samples}]
    return max([max(life) - life[0] for life in lives if life], default=0.0)


@contextlib.contextmanager
def _small_disk(parent: Path) -> Iterator[Path]:
    """A file system of its own for the spool."""
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
