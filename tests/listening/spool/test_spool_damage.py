"""Random damage to the spool's files: no delivery is lost whose pages are whole.

SPOOL_DAMAGES=10000 tries so many of each kind of test, and prints what became of them (with -s).
"""
import collections
import functools
import io
import itertools
import os
import random
import shutil
import signal
import sqlite3
import struct

import hypothesis
import pytest
from hypothesis import strategies

from listening.spool.delivery import Arrival, SpoolError
from listening.spool.pages import Pages
from listening.spool.records import records
from listening.spool.store import Store
from listening.spool.takeover import take_over

EVERY = 1 if "SPOOL_DAMAGES" in os.environ else 11  # of so many steps, one is tried
DAMAGES = int(os.environ.get("SPOOL_DAMAGES", "60"))
PAGE, FRAME = 4096, 4096 + 24
FILE, LOG, INDEX = "deliveries.sqlite3", "deliveries.sqlite3-wal", "deliveries.sqlite3-shm"
SIZES = (20, 300, 1400, 1400, 3900, 9000, 30000)
LANES = "abc"


def arrival(number, size, lane=None):
    """A delivery that can be recognised in each page on which a part of its body stands."""
    text = f"<{number:06d}>".encode()
    return Arrival(event="message", room="room", lane=lane or LANES[number % 3],
                   message=str(number), trace=str(number), body=text * (1 + size // len(text)))


class Sample:
    """The files of a spool whose process was killed, and where each waiting delivery stands.

    given: the highest number that was given; removed: numbers of deliveries that have left.
    """

    def __init__(self, directory, seed):
        chance = random.Random(seed)
        self.removed = set()
        store = Store(str(directory), 10 ** 6)
        store.open()
        log_from = chance.randrange(4)
        for step in range(4):
            if step == log_from:
                store._file.db.execute("PRAGMA wal_checkpoint(RESTART)")
                store._file.db.execute("PRAGMA wal_autocheckpoint = 0")
            store.commit([arrival(100 * step + n, chance.choice(SIZES)) for n in range(20)], set())
            leave = {row[0] for row in store.rows() if chance.random() < 0.3}
            self.removed |= leave
            store.commit([], leave)
        if chance.random() < 0.3:
            store._file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.rows = {row[0]: row for row in store.rows()}
        self.given = store._last
        self.files = {name: (directory / name).read_bytes() for name in os.listdir(str(directory))}
        self.places = {row[0]: self._places(row) for row in self.rows.values()}
        store.close()

    def copy(self, directory):
        """Write the files there."""
        directory.mkdir(mode=0o700)
        for name, content in self.files.items():
            (directory / name).touch(mode=0o600)
            (directory / name).write_bytes(content)

    def _places(self, row):
        """The parts of the files on which a delivery stands, as SQLite sees them."""
        found = [place for place in self._pages()
                 if row[6][:8] in self.files[place[0]][place[1]:place[2]]]
        assert len(found) >= 1 + max(0, len(row[6]) - PAGE) // PAGE
        return found

    def _pages(self):
        pages = {number: (FILE, (number - 1) * PAGE, number * PAGE, 0)
                 for number in range(1, 1 + len(self.files[FILE]) // PAGE)}
        log, transaction = self.files.get(LOG, b""), {}
        for begin in range(32, len(log), FRAME):
            number, commits = struct.unpack(">2I", log[begin:begin + 8])
            if log[begin + 8:begin + 16] != log[16:24]:
                break
            transaction[number] = (LOG, begin, begin + FRAME)
            if commits:
                pages.update((number, frame + (begin + FRAME,))
                             for number, frame in transaction.items())
                transaction = {}
        return pages.values()

    def whole(self, directory):
        """The numbers of the deliveries whose pages are in these files, too.

        A log that ends before the end of a transaction is as one that was being written.
        """
        files = {name: (directory / name).read_bytes() if (directory / name).exists() else b""
                 for name in (FILE, LOG)}
        return {number for number, places in self.places.items() if all(
            files[name][begin:end] == self.files[name][begin:end] and len(files[LOG]) >= committed
            for name, begin, end, committed in places)}


class Damage:
    """One to three damages to the files in a directory; said: what was done."""

    def __init__(self, directory, chance, names=(FILE, FILE, LOG, LOG, INDEX)):
        self._directory, self._chance = directory, chance
        self.said = []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            here = [name for name in names
                    if (directory / name).exists() and (directory / name).stat().st_size > 64]
            if here:
                name = chance.choice(here)
                kind = chance.choice((self.bits, self.bits, self.run, self.page, self.cut,
                                      self.swap, self.schema, self.header, self.gone))
                self.said.append((kind.__name__, name))
                content = kind(bytearray((directory / name).read_bytes()))
                (directory / name).write_bytes(content)

    def bits(self, content):
        for _ in range(self._chance.choice((1, 1, 3, 20))):
            content[self._chance.randrange(len(content))] ^= 1 << self._chance.randrange(8)
        return content

    def run(self, content):
        self._overwrite(content, self._chance.randrange(len(content)), self._chance.randrange(600))
        return content

    def page(self, content):
        for _ in range(self._chance.choice((1, 1, 4))):
            begin = self._chance.randrange(max(1, len(content) // PAGE)) * PAGE
            self._overwrite(content, begin, PAGE)
        return content

    def cut(self, content):
        return content[:self._chance.randrange(len(content))]

    def swap(self, content):
        one, two = (PAGE * self._chance.randrange(max(1, len(content) // PAGE)) for _ in range(2))
        content[one:one + PAGE], content[two:two + PAGE] = (
            content[two:two + PAGE], content[one:one + PAGE])
        return content

    def schema(self, content):
        for _ in range(self._chance.choice((1, 3, 20))):
            self._overwrite(content, self._chance.randrange(min(PAGE, len(content))), 1)
        return content

    def header(self, content):
        self._overwrite(content, self._chance.randrange(100), self._chance.randrange(60))
        return content

    def gone(self, content):
        return content[:self._chance.choice((0, 0, 1, 99))]

    def _overwrite(self, content, begin, size):
        size = min(size, len(content) - begin)
        filling = self._chance.choice((bytes(size), size * b"\xff", bytes(
            self._chance.randrange(256) for _ in range(size))))
        content[begin:begin + size] = filling


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return [Sample(tmp_path_factory.mktemp("sample") / "spool", seed) for seed in range(12)]


@pytest.fixture(scope="module")
def outcomes():
    counted = collections.Counter()
    yield counted
    if "SPOOL_DAMAGES" in os.environ:
        print("\n", dict(counted))


def found_in(store):
    """What a dispatcher would find in the store, by number."""
    found = {}
    for lane in store.lanes():
        last = 0
        while True:
            delivery = store.next(lane, last)
            if delivery is None:
                break
            last = delivery.id
            found[last] = delivery
    return found


def patiently(store, action):
    """What the action gives, though the store must be mended before, as the writer would."""
    for _ in range(3):
        try:
            return action()
        except SpoolError:
            store.commit([], set())
    return action()


def lost(sample, whole, found):
    kept = collections.Counter((each.trace, each.received, each.body) for each in found.values())
    return [number for number in whole
            if not kept[sample.rows[number][4], sample.rows[number][5], sample.rows[number][6]]]


@pytest.mark.parametrize("part", range(10))
def test_at_rest_loses_nothing_that_is_whole(samples, tmp_path, outcomes, part):
    for seed in range(part, DAMAGES, 10):
        chance = random.Random(seed)
        sample = chance.choice(samples)
        directory = tmp_path / str(seed)
        sample.copy(directory)
        damage = Damage(directory, chance)
        whole = sample.whole(directory)
        store = Store(str(directory), 10 ** 6)
        context = (seed, damage.said)
        outcomes["of another format: refused"] += open_anyhow(store, directory)
        outcomes["mended" if store.repairs else "unnoticed"] += 1
        found = found_in(store)
        assert lost(sample, whole, found) == [], (context, store.repairs)
        assert store.waiting == len(found), context
        assert store._file.is_in_place(), context
        outcomes["deliveries whole"] += len(whole)
        outcomes["deliveries found"] += len(found)
        outcomes["deliveries back that had left"] += len(
            [each for each in found if each in sample.removed])
        assert store.commit([arrival(999, 20)], set()) in ([True], [False]), context
        assert store.commit([arrival(1000, 20, lane="new")], set()) == [True], context
        last = max(found_in(store))
        if last <= sample.given:
            outcomes["number given again"] += 1
        store.close()
        again = Store(str(directory), 10 ** 6)
        again.open()
        assert again.repairs == [], context
        assert len(found_in(again)) >= len(found) + 1, context
        again.close()
        shutil.rmtree(str(directory))


@pytest.mark.parametrize("part", range(10))
def test_in_use_loses_nothing_that_is_whole(samples, tmp_path, outcomes, part):
    for seed in range(part, DAMAGES, 10):
        chance = random.Random(seed)
        sample = chance.choice(samples)
        directory = tmp_path / str(seed)
        sample.copy(directory)
        store = Store(str(directory), 10 ** 6)
        store.open()
        damage = Damage(directory, chance, names=(FILE, LOG))
        context = (seed, damage.said)
        whole = sample.whole(directory)
        kept = [arrival(1000 + number, 20, lane="new") for number in range(3)]
        for each in kept:
            patiently(store, lambda: found_in(store))
            assert patiently(store, lambda: store.commit([each], set())) == [True], context
        found = patiently(store, lambda: found_in(store))
        assert lost(sample, whole, found) == [], (context, store.repairs)
        traces = [each.trace for each in found.values() if each.lane == "new"]
        assert traces == [each.trace for each in kept], context
        assert max(found) > sample.given, context
        assert len(store.repairs) <= 1, (context, store.repairs)
        outcomes["mended in use" if store.repairs else "not noticed in use"] += 1
        killed = tmp_path / f"{seed}-killed"
        shutil.copytree(str(directory), str(killed))
        store.close()
        again = Store(str(killed), 10 ** 6)
        open_anyhow(again, killed)
        found = found_in(again)
        assert lost(sample, whole, found) == [], (context, again.repairs)
        assert {each.trace for each in kept} <= {each.trace for each in found.values()}, context
        again.close()
        shutil.rmtree(str(directory))
        shutil.rmtree(str(killed))


@hypothesis.given(strategies.binary(max_size=3 * PAGE), strategies.binary(max_size=2 * FRAME),
                  strategies.sampled_from([b"", b"\x0d", b"\x0a", b"\x02"]))
@hypothesis.settings(deadline=None, max_examples=30)
def test_that_left_no_file_at_all_raises_nothing(file, log, kind):
    for row, values in records(Pages(io.BytesIO(kind + file), io.BytesIO(log))):
        assert row is None or isinstance(row, int)
        assert isinstance(values, list)


class TestKill:
    """The process is killed before each statement and each change of the disk, one by one."""

    @pytest.mark.parametrize("place", [2, 3])
    def test_while_it_is_mended_loses_nothing_and_doubles_nothing(self, samples, tmp_path, place):
        for step in range(0, 1000, EVERY):
            directory = tmp_path / str(step)
            samples[place].copy(directory)
            with open(str(directory / FILE), "r+b") as file:
                file.write(bytes(PAGE))
            whole = samples[place].whole(directory)
            if not is_killed_at(step, Store(str(directory), 10).open):
                break
            store = Store(str(directory), 10 ** 6)
            store.open()
            assert_all(store, samples[place], whole)
        assert step > 20

    def test_while_it_is_taken_over_loses_nothing_and_doubles_nothing(self, samples, tmp_path):
        for step in range(0, 1000, EVERY):
            directory, earlier = (tmp_path / f"{step}-{name}" for name in "ab")
            samples[3].copy(earlier)
            if not is_killed_at(step, lambda: open_and_take_over(directory, earlier).close()):
                break
            assert_all(open_and_take_over(directory, earlier), samples[3], set(samples[3].rows))
            assert not earlier.exists()
        assert step > 20


def open_and_take_over(directory, earlier):
    store = Store(str(directory), 10 ** 6)
    store.open()
    take_over(str(earlier), store)
    return store


def assert_all(store, sample, whole):
    """Nothing that is whole is lost, and nothing is there twice."""
    found = found_in(store)
    assert lost(sample, whole, found) == []
    assert collections.Counter(each.trace for each in found.values()).most_common(1)[0][1] == 1
    store.close()


def is_killed_at(step, action):
    """Run the action in a process that is killed at its so many-th step; False if it has fewer."""
    process = os.fork()
    if process == 0:
        try:
            count_down(step)
            action()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def count_down(step):
    steps = itertools.count()

    def counted(function):
        def counting(*args, **more):
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **more)
        return counting

    class Connection(sqlite3.Connection):
        execute = counted(sqlite3.Connection.execute)
        executemany = counted(sqlite3.Connection.executemany)
        executescript = counted(sqlite3.Connection.executescript)

    for name in ("open", "rename", "remove", "rmdir", "fsync", "chmod", "makedirs"):
        setattr(os, name, counted(getattr(os, name)))
    sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)


def open_anyhow(store, directory):
    """Open it, if need be with the number of its format restored; whether that was needed."""
    try:
        store.open()
        return False
    except SpoolError as error:
        assert "has the format" in str(error)
    db = sqlite3.connect(str(directory / FILE))
    db.execute("PRAGMA user_version = 2")
    db.close()
    store.open()
    return True
