"""The spool: deliveries on disk, in the order of arrival, until they are removed."""
import contextlib
import itertools
import os
import pathlib
import sqlite3
import tempfile
import time
from types import SimpleNamespace

import eventlet
import pytest
from support.waiting import wait_until

from listening.spool import (
    Arrival, Spool, SpoolError, SpoolFull, earlier_directories, usable_directory)
from listening.spool import format as spool_format
from listening.spool import file as spool_file
from listening.spool import directory as directory_module
from listening.spool import mending, takeover
from listening.spool import spool as spool_module
from listening.spool import store as store_module

PAGE = 4096
LANE = "17"
DAY = 86400


def arrival(message="", lane=LANE, body=b"{}"):
    return Arrival(event="room_message", room="Factor", lane=lane, message=message,
                   trace=message or "no message", body=body)


def waiting(spool, lane=LANE):
    """The deliveries that wait in a lane, in their order."""
    found, last = [], 0
    while True:
        delivery = spool.next(lane, last)
        if delivery is None:
            return found
        found.append(delivery)
        last = delivery.id


def traces(spool, lane=LANE):
    return [delivery.trace for delivery in waiting(spool, lane)]


def put_many(spool, count, **more):
    """The results of puts at the same time, in their order."""
    threads = [eventlet.spawn(spool.put, arrival(str(number), **more)) for number in range(count)]
    return [thread.wait() for thread in threads]


class Spools:
    """Opens the spool of one directory, again and again; said: what it told the operator."""

    def __init__(self, directory):
        self.directory = directory
        self.file = str(directory / "deliveries.sqlite3")
        self.said = []
        self._spool = None
        self._opened = []
        self._writing = eventlet.patcher.original("threading").Lock()

    def open(self, max_deliveries=1000, earlier=()):
        """Open it as the next process would; the one before was killed."""
        self.kill()
        self._spool = spool = Spool(str(self.directory), max_deliveries, self.said.append, earlier)
        self._opened.append(spool)
        commit = spool._store.commit

        def commit_unless_killed(*args):
            with self._writing:
                if spool is not self._spool:
                    raise SpoolError("killed")
                return commit(*args)

        spool._store.commit = commit_unless_killed
        spool.open()
        return spool

    def kill(self):
        """Leave all as it would be after a SIGKILL: the lock alone goes with the process."""
        with self._writing:
            if self._spool:
                self._spool._store._file._lock.close()
            self._spool = None

    def close(self):
        """Close the files of all that were killed, too."""
        self.kill()
        for spool in self._opened:
            spool._store.close()

    def corrupt_files(self):
        return [path for path in self.directory.iterdir() if ".corrupt-" in path.name]


@pytest.fixture
def spools(tmp_path):
    with contextlib.closing(Spools(tmp_path / "spool")) as spools:
        yield spools


@pytest.fixture
def spool(spools):
    return spools.open()


class TestPut:
    def test_is_on_disk_when_it_returns(self, spool, spools):
        assert spool.put(arrival("one", body=b"the body")) is True
        delivery, = waiting(spools.open())
        assert delivery[1:5] == (LANE, "room_message", "Factor", "one")
        assert delivery.body == b"the body"
        assert delivery.received == pytest.approx(time.time(), abs=5)

    def test_keeps_the_order_of_arrival_within_a_lane(self, spool):
        lanes = itertools.cycle("abc")
        threads = [eventlet.spawn(spool.put, arrival(str(number), lane=next(lanes)))
                   for number in range(60)]
        assert all(thread.wait() for thread in threads)
        for number, lane in enumerate("abc"):
            assert traces(spool, lane) == [str(each) for each in range(number, 60, 3)]
        assert sorted(spool.lanes()) == ["a", "b", "c"]

    def test_at_the_same_time_shares_commits(self, spool):
        statements = []
        spool._store._file.db.set_trace_callback(statements.append)
        assert put_many(spool, 200) == 200 * [True]
        assert statements.count("COMMIT") <= 3

    def test_is_always_written_by_the_same_thread(self, spool, monkeypatch):
        threads, commit = set(), spool._store._commit
        identity = eventlet.patcher.original("threading").get_ident
        monkeypatch.setattr(spool._store, "_commit",
                            lambda *args: [threads.add(identity()), commit(*args)][1])
        for number in range(30):
            spool.put(arrival(str(number)))
        assert len(threads) == 1

    def test_in_one_go_with_more_than_a_batch_takes_several_commits(self, spool, monkeypatch):
        monkeypatch.setattr(spool_module, "LARGEST_BATCH", 7)
        assert put_many(spool, 50) == 50 * [True]
        assert traces(spool) == [str(number) for number in range(50)]

    def test_does_not_hold_up_other_greenlets(self, spool, monkeypatch):
        others_had_their_turns = eventlet.patcher.original("threading").Event()
        commit = spool._store._commit
        monkeypatch.setattr(spool._store, "_commit", lambda *args: [
            others_had_their_turns.wait(60), commit(*args)][1])
        put = eventlet.spawn(spool.put, arrival())
        for _ in range(10):
            eventlet.sleep(0.001)
        assert not put.dead
        others_had_their_turns.set()
        put.wait()


class TestRepetition:
    def test_of_a_message_is_dropped(self, spool):
        assert spool.put(arrival("one")) is True
        assert spool.put(arrival("one")) is False
        assert traces(spool) == ["one"]

    def test_is_known_in_the_same_commit(self, spool):
        threads = [eventlet.spawn(spool.put, arrival("one")) for _ in range(3)]
        assert [thread.wait() for thread in threads] == [True, False, False]

    def test_is_known_after_the_message_has_left_the_spool_and_after_a_restart(
            self, spool, spools):
        spool.put(arrival("one"))
        spool.remove(waiting(spool)[0])
        spool.settle()
        assert spools.open().put(arrival("one")) is False

    def test_is_not_known_without_a_message_id(self, spool):
        assert [spool.put(arrival("")) for _ in range(2)] == [True, True]

    @pytest.mark.parametrize("later", [3590, 5 * 3600, -3590])
    def test_is_known_though_the_clock_is_set(self, spool, monkeypatch, later):
        spool.put(arrival("one"))
        now = time.time()
        monkeypatch.setattr(store_module.time, "time", lambda: now + later)
        assert spool.put(arrival("one")) is False

    def test_is_known_after_a_restart_though_the_clock_was_ahead_for_a_moment(
            self, spools, monkeypatch):
        spool, now = spools.open(), time.time()
        for message, later in (("old", -7200), ("ahead", 4 * 3600)):
            with monkeypatch.context() as context:
                context.setattr(store_module.time, "time", lambda: now + later)
                spool.put(arrival(message))
        spool._store._turned -= 3600
        spool.put(arrival("one"))
        spool = spools.open()
        spool.put(arrival("first of the run"))
        spool._store._turned -= 3600
        spool.put(arrival("more"))
        assert spool.put(arrival("one")) is False

    def test_is_known_after_a_start_with_a_clock_that_is_ahead_until_it_is_set(
            self, spools, monkeypatch):
        spool, now = spools.open(), time.time()
        spool.put(arrival("one"))
        spool._store._turned -= 3600
        spool.put(arrival("two"))
        spools.kill()
        monkeypatch.setattr(store_module.time, "time", lambda: now + 3 * 3600)
        spool = spools.open()
        spool.put(arrival("first of the run"))
        assert spool.put(arrival("one")) is False

    def test_is_forgotten_in_the_end_so_that_the_file_does_not_grow(self, spool):
        for number in range(6):
            spool.put(arrival(str(number)))
            spool._store._turned -= 3600
        assert sorted(message for message, _ in spool._store.seen()) == ["4", "5"]
        assert spool.forgotten == 0.0

    @pytest.mark.parametrize("turns", [0, 1, 2])
    def test_is_known_after_a_restart_and_forgotten_when_its_time_has_come(self, spools, turns):
        spool = spools.open()
        for number in range(turns + 1):
            spool._store._turned -= 3600 if number else 0
            spool.put(arrival(str(number)))
        spools.kill()
        spool = spools.open()
        assert spool.put(arrival(str(turns))) is False
        spool._store._turned -= 3600
        spool.put(arrival("more"))
        assert spool.put(arrival(str(turns))) is False
        spool._store._turned -= 3600
        spool.put(arrival("still more"))
        assert spool.put(arrival(str(turns))) is True

    def test_gives_way_to_deliveries_on_a_disk_that_is_too_small_for_it(
            self, spool, spools, monkeypatch):
        now = time.time()
        spool._store.adopt([], ((f"message {number}", now - number)
                                for number in range(20000)))
        free = (store_module.RESERVE - 200000) // PAGE
        monkeypatch.setattr(store_module.os, "statvfs", lambda directory: SimpleNamespace(
            f_bavail=free, f_frsize=PAGE))
        with pytest.raises(SpoolFull, match="has less than 16 MiB left"):
            spool.put(arrival("one"))
        assert len(list(spool._store.seen())) == 20000, "a disk that is full for a moment"
        monkeypatch.setattr("listening.timing.DISK_SHORT_DELAY", 0.0)
        refused = 0
        while refused < 5:
            try:
                spool.put(arrival("one"))
                break
            except SpoolFull:
                refused += 1
        assert traces(spool) == ["one"] and refused <= 2
        assert spool.forgotten == now
        told = len(spools.said)
        for number in range(4):
            spool.put(arrival(f"more {number}"))
        spools.kill()
        again = spools.open()
        assert again.forgotten >= now, "what is fetched is not what was heard before"
        assert len(spools.said) <= told + 1, "what is empty is not told of again and again"
        assert "too small for what is remembered there" in spools.said[-1]

    def test_of_a_message_that_was_refused_is_none(self, spools):
        spool = spools.open(max_deliveries=1)
        spool.put(arrival("one"))
        with pytest.raises(SpoolFull):
            spool.put(arrival("two"))
        spool.remove(waiting(spool)[0])
        assert spool.put(arrival("two")) is True


class TestRemove:
    def test_is_on_disk_after_settle(self, spool, spools):
        put_many(spool, 5)
        for delivery in waiting(spool)[:3]:
            spool.remove(delivery)
        spool.settle()
        assert spool.waiting == 2
        spool = spools.open()
        assert (spool.waiting, traces(spool)) == (2, ["3", "4"])

    def test_twice_counts_once(self, spool):
        put_many(spool, 2)
        delivery = waiting(spool)[0]
        for _ in range(2):
            spool.remove(delivery)
            spool.settle()
        assert spool.waiting == 1

    def test_frees_a_place_in_the_same_commit(self, spools):
        spool = spools.open(max_deliveries=2)
        put_many(spool, 2)
        spool.remove(waiting(spool)[0])
        assert spool.put(arrival("three")) is True
        assert spool.waiting == 2

    def test_of_all_and_a_restart_give_no_number_a_second_time(self, spool, spools):
        put_many(spool, 3)
        last = waiting(spool)[-1].id
        for delivery in waiting(spool):
            spool.remove(delivery)
        spool.settle()
        spool = spools.open()
        spool.put(arrival())
        assert waiting(spool)[0].id > last


class TestFull:
    def test_spool_refuses_what_is_too_much_and_keeps_the_rest(self, spools):
        spool = spools.open(max_deliveries=3)
        threads = [eventlet.spawn(spool.put, arrival(str(number))) for number in range(5)]
        assert [thread.wait() for thread in threads[:3]] == 3 * [True]
        for thread in threads[3:]:
            with pytest.raises(SpoolFull, match="The spool is full: 3 deliveries wait"):
                thread.wait()
        assert traces(spool) == ["0", "1", "2"]

    def test_spool_knows_repetitions_still(self, spools):
        spool = spools.open(max_deliveries=1)
        spool.put(arrival("one"))
        assert spool.put(arrival("one")) is False

    def test_disk_refuses_all_that_came_together_and_is_fine_when_there_is_room(self, spool):
        spool.put(arrival("before"))
        pages, = spool._store._file.db.execute("PRAGMA page_count").fetchone()
        spool._store._file.db.execute(f"PRAGMA max_page_count = {pages}")
        threads = [eventlet.spawn(spool.put, arrival(body=50000 * b"x")) for _ in range(3)]
        for thread in threads:
            with pytest.raises(SpoolError, match="full.*Check its disk"):
                thread.wait()
        assert (spool.waiting, traces(spool)) == (1, ["before"])
        spool._store._file.db.execute("PRAGMA max_page_count = 100000")
        assert spool.put(arrival("after")) is True
        assert traces(spool) == ["before", "after"]

    def test_disk_does_not_keep_deliveries_from_leaving(self, spool):
        put_many(spool, 3)
        pages, = spool._store._file.db.execute("PRAGMA page_count").fetchone()
        spool._store._file.db.execute(f"PRAGMA max_page_count = {pages}")
        large = eventlet.spawn(spool.put, arrival(body=50000 * b"x"))
        spool.remove(waiting(spool)[0])
        with pytest.raises(SpoolError):
            large.wait()
        wait_until(lambda: spool.waiting == 2)

    def test_memory_or_anything_else_that_is_not_foreseen_leaves_the_writer_alive(
            self, spool, monkeypatch):
        with monkeypatch.context() as context:
            context.setattr(spool._store, "_commit", lambda *args: 1 / 0)
            with pytest.raises(SpoolError):
                spool.put(arrival())
        assert spool.put(arrival()) is True


class TestClockSetBack:
    def test_changes_no_order_and_loses_nothing(self, spool, monkeypatch):
        put_many(spool, 3)
        now = time.time()
        monkeypatch.setattr(store_module.time, "time", lambda: now - DAY)
        assert spool.put(arrival("later")) is True
        assert traces(spool) == ["0", "1", "2", "later"]

    def test_makes_no_delivery_wait_less_than_no_time(self, spool, monkeypatch):
        assert spool.oldest() == 0
        spool.put(arrival())
        now = time.time()
        monkeypatch.setattr(store_module.time, "time", lambda: now + 60)
        assert spool.oldest() == pytest.approx(60, abs=5)
        monkeypatch.setattr(store_module.time, "time", lambda: now - DAY)
        assert spool.oldest() == 0


class TestLock:
    def test_keeps_a_second_sensor_out(self, spool, spools):
        second = Spool(str(spools.directory), 10, spools.said.append)
        with pytest.raises(SpoolError, match="Each sensor needs a spool.directory of its own"):
            second.open()
        spools.kill()
        second.open()


class TestFormat:
    @pytest.mark.parametrize("version", [0, 3])
    def test_that_is_another_is_said_and_nothing_is_touched(self, spool, spools, version):
        spool.put(arrival("one"))
        spool._store._file.db.execute(f"PRAGMA user_version = {version}")
        with pytest.raises(SpoolError, match=f"has the format {version}, but .* reads format 2"):
            spools.open()
        spool._store._file.db.execute("PRAGMA user_version = 2")
        assert traces(spools.open()) == ["one"]

    def test_of_version_1_is_taken_over_with_all_that_is_in_it(self, spool, spools):
        spool.put(arrival("one"))
        spools.kill()
        db = sqlite3.connect(spools.file)
        db.executescript("DROP TABLE seen_before; PRAGMA user_version = 1")
        db.close()
        spool = spools.open()
        assert traces(spool) == ["one"] and spool.put(arrival("one")) is False
        assert spools.said == []


class Damage:
    """Overwrites pages of a spool's file that nobody uses."""

    def __init__(self, file):
        self._file = file

    def root(self, name):
        """The page at which a table or an index begins."""
        self._write(self._ask("SELECT rootpage FROM sqlite_master WHERE name = ?", name)[0])

    def leaves(self, *places):
        """Leaf pages of the deliveries, counted from the first (or from the last, if below 0)."""
        pages = self._ask("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' "
                          "ORDER BY path", "deliveries")
        for place in places:
            self._write(pages[place])

    def checkpoint(self):
        """Bring all from the write-ahead log into the file."""
        db = sqlite3.connect(self._file)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()

    def _ask(self, query, name):
        self.checkpoint()
        db = sqlite3.connect(self._file)
        rows = db.execute(query, (name,)).fetchall()
        db.close()
        return [row[0] for row in rows]

    def _write(self, page):
        with open(self._file, "r+b") as file:
            file.seek((page - 1) * PAGE)
            file.write(PAGE * b"\xff")


def has_dbstat():
    try:
        sqlite3.connect(":memory:").execute("SELECT * FROM dbstat")
        return True
    except sqlite3.Error:
        return False


needs_dbstat = pytest.mark.skipif(not has_dbstat(), reason="this SQLite has no dbstat")


class TestCorruptFile:
    """40 deliveries wait, two on a page."""

    @pytest.fixture
    def filled(self, spool):
        put_many(spool, 40, body=1500 * b"x")
        return spool

    @pytest.fixture
    def damage(self, filled, spools):
        filled.settle()
        spools.kill()
        return Damage(spools.file)

    @pytest.mark.parametrize("name", ["lanes", "seen", "seen_before"])
    def test_loses_no_delivery_with_its_index_or_the_messages_seen(
            self, filled, damage, spools, name):
        damage.root(name)
        spool = spools.open()
        assert traces(spool) == [str(number) for number in range(40)]
        assert spool.waiting == 40
        assert "made again with the 40 deliveries that could be read" in spools.said[0]
        assert len(spools.corrupt_files()) >= 1

    @needs_dbstat
    @pytest.mark.parametrize("places, left", [
        ((0,), 38), ((-1,), 38), ((9,), 38), ((0, -1), 36), ((0, 9, -1), 34), ((3, 9, 12), 34)])
    def test_loses_only_what_stood_on_the_damaged_pages(
            self, filled, damage, spools, places, left):
        numbers = {delivery.trace: delivery.id for delivery in waiting(filled)}
        damage.leaves(*places)
        spool = spools.open()
        assert spool.waiting == len(waiting(spool)) == left
        assert all(numbers[delivery.trace] == delivery.id for delivery in waiting(spool))

    @needs_dbstat
    def test_loses_only_that_after_many_numbers_too(self, spool, spools):
        spool._store._file.db.execute("UPDATE sqlite_sequence SET seq = 5000000")
        spool._store._file.db.execute("INSERT INTO sqlite_sequence SELECT 'deliveries', 5000000 "
                          "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence)")
        put_many(spool, 40, body=1500 * b"x")
        Damage(spools.file).leaves(0, 9, -1)
        assert spools.open().waiting == 34

    def test_that_was_cut_off_loses_only_what_stood_at_its_end(self, filled, damage, spools):
        damage.checkpoint()
        os.truncate(spools.file, os.path.getsize(spools.file) - 2 * PAGE)
        assert traces(spools.open())[:30] == [str(number) for number in range(30)]

    def test_with_a_damaged_letter_holds_up_no_delivery(self, filled, damage, spools):
        filled._store._file.db.execute(
            "UPDATE deliveries SET trace = CAST(x'ff' AS TEXT) WHERE trace = '3'")
        spool = spools.open()
        assert traces(spool)[2:5] == ["2", "\ufffd", "4"]
        spool._store.damaged = True
        spool.put(arrival("after"))
        assert traces(spool)[2:5] == ["2", "\ufffd", "4"]

    def test_that_is_no_database_is_put_aside(self, filled, damage, spools):
        with open(spools.file, "wb") as file:
            file.write(1000 * b"no database")
        for suffix in ("-wal", "-shm"):
            os.remove(spools.file + suffix)
        spool = spools.open()
        assert spool.waiting == 0
        assert spool.put(arrival("after")) is True

    def test_remembers_which_messages_were_seen(self, filled, damage, spools):
        damage.root("lanes")
        assert spools.open().put(arrival("7")) is False

    def test_gives_no_number_again_that_a_dispatcher_may_have_done(self, filled, spools):
        done = waiting(filled)
        for delivery in done[1:]:
            filled.remove(delivery)
        filled.settle()
        spool = spools.open()
        Damage(spools.file).root("lanes")
        Damage(spools.file).root("sqlite_sequence")
        spool._store.damaged = True
        spool.put(arrival("new"))
        assert waiting(spool)[-1].id > done[-1].id

    def test_is_mended_in_use_as_soon_as_it_is_noticed(self, filled, spools):
        Damage(spools.file).root("lanes")
        with pytest.raises(SpoolError):
            for _ in range(2):  # what SQLite still has in its cache, it need not read
                filled._store._file.reader = spool_format.connect(spools.file)
                filled.next(LANE, 0)
        wait_until(lambda: spools.said)
        assert traces(filled) == [str(number) for number in range(40)]

    def test_loses_no_delivery_that_comes_while_it_is_mended(self, filled, spools):
        filled._store.damaged = True
        assert put_many(filled, 50, lane="new") == 40 * [False] + 10 * [True]
        assert len(waiting(filled)) == 40
        assert traces(filled, "new") == [str(number) for number in range(40, 50)]

    def test_is_never_seen_half_mended(self, filled, monkeypatch):
        seen = []
        native_sleep = eventlet.patcher.original("time").sleep
        readable = mending._readable_deliveries

        def slowly(db):
            for row in readable(db):
                native_sleep(0.001)
                yield row

        monkeypatch.setattr(mending, "_readable_deliveries", slowly)
        filled._store.damaged = True
        put = eventlet.spawn(filled.put, arrival())
        while not put.dead:
            seen.append(filled.next(LANE, 0).trace)
            eventlet.sleep(0)
        assert set(seen) == {"0"}

    @pytest.mark.parametrize("step", ["_make", "_put_in_place", "open"])
    def test_that_cannot_be_mended_yet_is_mended_later_without_a_loss(
            self, filled, spools, monkeypatch, step):
        filled._store.damaged = True
        with monkeypatch.context() as context:
            run_out_of_space(context, filled, step)
            with pytest.raises(SpoolError, match="No space left"):
                filled.put(arrival("refused"))
        assert filled.put(arrival("kept")) is True
        assert traces(filled) == [str(number) for number in range(40)] + ["kept"]

    @pytest.mark.parametrize("step", ["_make", "_put_in_place", "open"])
    def test_loses_nothing_if_the_sensor_is_killed_while_it_is_mended(
            self, filled, spools, monkeypatch, step):
        filled._store.damaged = True
        with monkeypatch.context() as context:
            run_out_of_space(context, filled, step)
            with pytest.raises(SpoolError):
                filled.put(arrival("refused"))
        assert traces(spools.open()) == [str(number) for number in range(40)]

    def test_loses_nothing_if_the_sensor_is_killed_between_two_renames(
            self, filled, spools, monkeypatch):
        filled._store.damaged = True
        rename = os.rename

        def rename_once(*names):
            if names[0].endswith(".mended"):
                raise OSError(28, "No space left on device")
            rename(*names)

        with monkeypatch.context() as context:
            context.setattr(mending.os, "rename", rename_once)
            with pytest.raises(SpoolError):
                filled.put(arrival("refused"))
        assert traces(spools.open()) == [str(number) for number in range(40)]

    def test_is_on_disk_again_when_it_is_mended(self, filled, spools):
        filled._store.damaged = True
        filled.put(arrival("after"))
        assert traces(spools.open())[-1] == "after"


def run_out_of_space(context, spool, step):
    """Let a step of the repair fail: a function of one of these modules, or the file's opening."""
    def no_space(*_):
        raise OSError(28, "No space left on device")

    places = {"lock_directory": spool_file, "open": spool._store._file}
    context.setattr(places.get(step, mending), step, no_space)


class TestDirectoryGone:
    def test_is_made_again_with_all_that_waited(self, spool, spools):
        put_many(spool, 5)
        remove_tree(spools.directory)
        assert spool.put(arrival("after")) is True
        assert "was removed while in use" in spools.said[0]
        assert spool.put(arrival("0")) is False, "what was seen is remembered"
        assert traces(spools.open()) == ["0", "1", "2", "3", "4", "after"]

    def test_and_a_full_disk_lose_nothing(self, spool, spools, monkeypatch):
        put_many(spool, 5)
        remove_tree(spools.directory)
        for step in ("lock_directory", "_make", "_put_in_place", "open"):
            with monkeypatch.context() as context:
                run_out_of_space(context, spool, step)
                with pytest.raises(SpoolError):
                    spool.put(arrival("refused"))
        assert spool.put(arrival("after")) is True
        assert traces(spools.open()) == ["0", "1", "2", "3", "4", "after"]

    def test_keeps_numbers_going(self, spool, spools):
        put_many(spool, 5)
        last = waiting(spool)[-1].id
        for delivery in waiting(spool):
            spool.remove(delivery)
        spool.settle()
        remove_tree(spools.directory)
        spool.put(arrival("after"))
        assert waiting(spool)[0].id > last


def remove_tree(directory):
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()


class TestPermissions:
    def test_are_for_the_user_alone_whatever_the_umask(self, spools):
        umask = os.umask(0)
        try:
            spools.open().put(arrival())
        finally:
            os.umask(umask)
        assert modes(spools.directory) == {0o700, 0o600}
        assert spools.said == []

    def test_are_tightened_where_all_was_there_before_and_that_is_told(self, spool, spools):
        spool.put(arrival("one"))
        spools.kill()
        for path in spools.directory.iterdir():
            path.chmod(0o644)
        spools.directory.chmod(0o755)
        assert traces(spools.open()) == ["one"]
        assert modes(spools.directory) == {0o700, 0o600}
        assert "{} was open to others (mode 0755); its mode is 0700 now.".format(
            spools.directory) in spools.said
        assert "{} was open to others (mode 0644); its mode is 0600 now.".format(
            spools.file) in spools.said

    def test_that_cannot_be_changed_are_told_and_whose_they_are(self, spools, monkeypatch):
        def not_permitted(path, mode):
            raise PermissionError(1, "Operation not permitted")

        spools.directory.mkdir(mode=0o755)
        spools.directory.chmod(0o755)
        monkeypatch.setattr(directory_module.os, "chmod", not_permitted)
        assert spools.open().put(arrival("one")) is True
        said, = spools.said
        assert "cannot be changed: Operation not permitted. It is {}'s".format(
            spools.directory.owner()) in said

    def test_of_a_directory_that_many_share_are_left_and_told(self, spools):
        spools.directory.mkdir()
        spools.directory.chmod(0o1777)
        spools.open()
        assert spools.directory.stat().st_mode & 0o7777 == 0o1777
        assert "Give the spool a directory of its own" in spools.said[0]

    def test_of_what_a_link_leads_to_are_not_touched(self, spools, tmp_path):
        (tmp_path / "precious").touch(mode=0o644)
        spools.directory.mkdir()
        (spools.directory / "deliveries.sqlite3-link").symlink_to(tmp_path / "precious")
        spools.open()
        assert (tmp_path / "precious").stat().st_mode & 0o777 == 0o644

    def test_of_a_mended_file_are_the_same(self, spool, spools):
        spool._store.damaged = True
        spool.put(arrival("one"))
        assert modes(spools.directory) == {0o700, 0o600}


def modes(directory):
    return {path.stat().st_mode & 0o777 for path in [directory] + list(directory.iterdir())}


class TestNetworkDisk:
    def test_is_warned_of(self, spools, monkeypatch):
        monkeypatch.setattr(directory_module, "_file_system", lambda path: "nfs4")
        spools.open()
        assert "is on a network file system (nfs4)" in spools.said[0]

    def test_is_told_by_where_it_is_mounted(self, tmp_path):
        assert directory_module._file_system("/proc/self") == "proc"
        assert directory_module._file_system(str(tmp_path)) not in ("", "proc")


class TestOddFile:
    @pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0", 9000 * b"x"])
    def test_in_the_place_of_the_spools_is_made_a_spool(self, spools, content):
        spools.directory.mkdir()
        with open(spools.file, "wb") as file:
            file.write(content)
        spool = spools.open()
        assert spool.put(arrival("one")) is True
        assert traces(spools.open()) == ["one"]

    def test_of_another_program_is_refused_and_left_alone(self, spools):
        spools.directory.mkdir()
        db = sqlite3.connect(spools.file)
        db.execute("CREATE TABLE other (one)")
        db.close()
        with pytest.raises(SpoolError, match="has the format 0"):
            spools.open()
        assert sqlite3.connect(spools.file).execute("SELECT * FROM other").fetchall() == []

    def test_that_is_a_directory_is_refused(self, spools):
        (spools.directory / "deliveries.sqlite3").mkdir(parents=True)
        with pytest.raises(SpoolError, match="cannot be used"):
            spools.open()

    def test_in_a_directory_behind_a_link_is_used(self, spools, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        spools.directory.symlink_to(tmp_path / "elsewhere")
        spools.open().put(arrival("one"))
        assert traces(spools.open()) == ["one"]
        assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700

    def test_that_was_removed_with_its_log_or_alone_is_made_again(self, spool, spools):
        spool.put(arrival("one"))
        os.remove(spools.file + "-wal")
        assert spool.put(arrival("two")) is True
        os.remove(spools.file)
        assert spool.put(arrival("three")) is True
        assert traces(spools.open()) == ["one", "two", "three"]


class TestHostileText:
    @pytest.mark.parametrize("text", ["\ud800", "a\0b", "\U0001f600", 3000 * "x"])
    def test_is_kept_and_no_damage(self, spool, spools, text):
        assert spool.put(arrival(text, lane=text)) is True
        assert spool.put(arrival(text, lane=text)) is False
        assert spool.next(text, 0).body == b"{}"
        assert spools.said == []


class TestWriter:
    def test_is_begun_again_by_who_keeps_it_and_nobody_waits_for_ever(
            self, tmp_path, monkeypatch):
        tasks = []
        spool = Spool(str(tmp_path), 10, repaired=print,
                      keep=lambda name, task: tasks.append((name, task)))
        spool.open()
        (name, task), = tasks
        with monkeypatch.context() as context:
            context.setattr(spool_module.tpool, "execute", lambda *args: 1 / 0)
            writer = eventlet.spawn(task)
            with pytest.raises(ZeroDivisionError):
                spool.put(arrival("one"))
            with pytest.raises(ZeroDivisionError):
                writer.wait()
        eventlet.spawn(task)
        assert spool.put(arrival("one")) is True

    def test_tries_a_removal_again_that_failed(self, spool, monkeypatch):
        monkeypatch.setattr("listening.timing.COMMIT_RETRY_DELAY", 0.01)
        spool.put(arrival("one"))
        with monkeypatch.context() as context:
            failures = []
            context.setattr(spool._store, "_commit", lambda *args: [failures.append(1), 1 / 0])
            spool.remove(waiting(spool)[0])
            wait_until(lambda: len(failures) > 1)
        wait_until(lambda: spool.waiting == 0)

    def test_settles_when_all_is_on_disk(self, spool, spools):
        puts = [eventlet.spawn(spool.put, arrival(str(number))) for number in range(30)]
        eventlet.sleep(0)
        spool.settle()
        assert all(put.dead for put in puts)
        for delivery in waiting(spool):
            spool.remove(delivery)
        spool.settle()
        assert spools.open().waiting == 0


class TestHangingDisk:
    @pytest.fixture
    def disk(self, spool, monkeypatch):
        """Answers when it is set, and that is later than anybody may wait."""
        monkeypatch.setattr("listening.timing.COMMIT_TIMEOUT", 0.05)
        disk, commit = eventlet.patcher.original("threading").Event(), spool._store.commit
        monkeypatch.setattr(spool._store, "commit", lambda *args: disk.wait(60) and commit(*args))
        yield disk
        disk.set()

    def test_holds_up_nobody_but_those_in_its_commit(self, spool, disk):
        written = eventlet.spawn(spool.put, arrival("one"))
        wait_until(lambda: spool.arriving and not spool._puts)
        for message in ("that waits", "that comes"):
            with pytest.raises(SpoolError, match="does not answer"), eventlet.Timeout(30):
                spool.put(arrival(message))
            assert spool.hangs
        disk.set()
        assert written.wait() is True and not spool.hangs
        assert spool.put(arrival("that comes")) is True
        assert traces(spool) == ["one", "that comes"]

    def test_has_an_epoch_wait_for_what_was_put_before_it(self, spool, disk):
        written = eventlet.spawn(spool.put, arrival("one"))
        wait_until(lambda: spool.arriving and not spool._puts)
        settled = [eventlet.spawn(spool.put_together, [])]
        wait_until(lambda: spool.hangs)
        settled.append(eventlet.spawn(spool.put_together, []))
        eventlet.sleep(0)
        assert not any(each.dead for each in settled)
        disk.set()
        assert written.wait() is True and [each.wait() for each in settled] == [[], []]


class TestUsableDirectory:
    @pytest.fixture
    def home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        return tmp_path / "home"

    def test_is_the_one_that_is_wished_for(self, tmp_path, home):
        wished, warnings = str(tmp_path / "spool"), []
        assert usable_directory(wished, warnings.append) == wished
        assert not warnings

    def test_is_the_users_own_where_that_cannot_be_made_and_says_what_is_at_risk(
            self, tmp_path, home):
        (tmp_path / "file").touch()
        wished, warnings = str(tmp_path / "file" / "spool"), []
        used = usable_directory(wished, warnings.append)
        assert used.startswith(str(home))
        assert os.path.isdir(used)
        warning, = warnings
        for words in (wished, used, "may be lost", "Make the directory"):
            assert words in warning

    def test_is_another_for_each_that_is_wished_for(self, tmp_path, home):
        (tmp_path / "file").touch()
        used = {usable_directory(str(tmp_path / "file" / name), print)
                for name in ("one", "two")}
        assert len(used) == 2

    def test_is_no_link_that_somebody_may_have_laid(self, tmp_path, home):
        (tmp_path / "file").touch()
        wished = str(tmp_path / "file" / "spool")
        fallback = earlier_directories(wished)[0]
        (tmp_path / "elsewhere").mkdir()
        os.makedirs(os.path.dirname(fallback))
        os.symlink(str(tmp_path / "elsewhere"), fallback)
        assert usable_directory(wished, print) != fallback


class TestTakingOver:
    """What was kept in a fallback directory goes to the wished one."""

    @pytest.fixture(autouse=True)
    def places(self, spools, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        self.spools, self.left = spools, []
        self.earlier = earlier_directories(str(self.spools.directory))
        yield
        for left in self.left:
            left.close()

    def leave(self, directory, count, first=0):
        """Let deliveries wait in a directory whose sensor was killed."""
        spools = Spools(pathlib.Path(directory))
        spool = spools.open()
        for number in range(first, first + count):
            spool.put(arrival(str(number)))
        spools.kill()
        self.left.append(spools)

    def open(self):
        return self.spools.open(earlier=self.earlier)

    def test_brings_all_in_order_behind_what_waited_and_removes_it_there(self):
        self.leave(str(self.spools.directory), 2)
        for place, directory in enumerate(self.earlier):
            self.leave(directory, 3, first=10 * (1 + place))
        spool = self.open()
        assert traces(spool) == ["0", "1", "10", "11", "12", "20", "21", "22", "30", "31", "32",
                                 "40", "41", "42"]
        assert spool.waiting == 14
        assert not any(os.path.exists(directory) for directory in self.earlier)
        assert len(self.spools.said) == 4
        assert f"The 3 deliveries that waited in {self.earlier[0]}" in self.spools.said[0]
        assert traces(self.open()) == traces(spool)

    def test_keeps_when_they_came_and_which_messages_were_seen(self):
        self.leave(self.earlier[0], 1)
        spool = self.open()
        assert spool.put(arrival("0")) is False
        assert waiting(spool)[0].received < time.time()

    def test_makes_nothing_be_forgotten_before_its_time(self, monkeypatch):
        now = time.time()
        with monkeypatch.context() as context:
            context.setattr(store_module.time, "time", lambda: now - 7200)
            self.leave(self.earlier[0], 1)
        spool = self.spools.open()
        spool.put(arrival("one"))
        spool._store._turned -= 3600
        spool.put(arrival("two"))
        self.open()
        spool = self.open()
        spool.put(arrival("first of the run"))
        spool._store._turned -= 3600
        spool.put(arrival("more"))
        assert spool.put(arrival("two")) is False

    def test_goes_beyond_what_the_spool_may_hold(self):
        self.leave(self.earlier[0], 5)
        spool = self.spools.open(max_deliveries=2, earlier=self.earlier)
        assert spool.waiting == 5
        with pytest.raises(SpoolFull):
            spool.put(arrival("more"))

    def test_leaves_alone_what_another_sensor_uses(self):
        other = Spools(pathlib.Path(self.earlier[2]))
        other.open().put(arrival("one"))
        assert self.open().waiting == 0
        assert "is not taken over: The spool in {} is in use".format(
            self.earlier[2]) in self.spools.said[0]
        assert traces(other.open()) == ["one"]

    def test_leaves_alone_what_a_link_leads_to(self, tmp_path):
        self.leave(str(tmp_path / "elsewhere"), 1)
        os.makedirs(os.path.dirname(self.earlier[0]))
        os.symlink(str(tmp_path / "elsewhere"), self.earlier[0])
        assert self.open().waiting == 0

    def test_mends_what_is_damaged(self):
        self.leave(self.earlier[0], 3)
        Damage(os.path.join(self.earlier[0], "deliveries.sqlite3")).root("lanes")
        assert traces(self.open()) == ["0", "1", "2"]
        assert "was corrupt" in self.spools.said[0]

    def test_leaves_what_is_of_a_newer_format_and_says_so(self):
        self.leave(self.earlier[0], 1)
        db = sqlite3.connect(os.path.join(self.earlier[0], "deliveries.sqlite3"))
        db.execute("PRAGMA user_version = 3")
        db.close()
        assert self.open().put(arrival("new")) is True
        assert "has the format 3" in self.spools.said[0]

    @pytest.mark.parametrize("step, error", [
        ("rename", OSError), ("remove", SpoolError), ("rmdir", None), ("_has", SpoolError)])
    def test_neither_loses_nor_doubles_when_it_fails_or_is_killed_in_the_midst(
            self, monkeypatch, step, error):
        self.leave(self.earlier[0], 3)
        with monkeypatch.context() as context:
            def fail(*args):
                raise OSError(28, "No space left on device")

            if step == "_has":
                context.setattr(store_module.Store, step, fail)
            else:
                context.setattr(takeover.os, step, fail)
            if error is SpoolError:
                with pytest.raises(SpoolError, match="No space left"):
                    self.open()
            else:
                self.open()
        assert traces(self.open()) == ["0", "1", "2"]
        assert traces(self.open()) == ["0", "1", "2"]
