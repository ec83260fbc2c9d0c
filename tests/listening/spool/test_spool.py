"""The spool: deliveries on disk, until they are removed."""
import contextlib
import itertools
import os
import shutil
import sqlite3
import time

import eventlet
import pytest
from support.dispatching import LOG
from support.spool_files import PAGE, checkpoint, damage, overwrite, run_sql
from support.waiting import wait_until

from listening import timing
from listening.operations.health import Health
from listening.spool import Delivery, Spool, SpoolError, SpoolFull
from listening.spool import directory as directory_module
from listening.spool import spool as spool_module
from listening.spool import spool_file
from listening.spool import store as store_module
ROOM = 17
DAY = 86400


def delivery(message="", room_id=ROOM, body=b"{}"):
    return Delivery(event="room_message", room_id=room_id, trace_tag=message or "no message",
                    body=body, sent_at=1.5e9, dedup_key=message and f"room_message {message}")


def waiting(spool, room_id=ROOM):
    """The deliveries that wait in a room, in their order."""
    return [spool._store.read(number) for number in spool._numbers.get(room_id, [])]


def traces(spool, room_id=ROOM):
    return [each.trace_tag for each in waiting(spool, room_id)]


def insert_many(spool, count, **more):
    """The results of inserts at the same time, in their order."""
    threads = [eventlet.spawn(spool.insert, delivery(str(number), **more))
               for number in range(count)]
    return [thread.wait() for thread in threads]


class Spools:
    """Opens the spool of one directory, again and again.

    said: the incidents in /health; rechecks: how often it requested a check of all rooms.
    """

    def __init__(self, directory):
        self.directory = directory
        self.file = str(directory / "deliveries.sqlite3")
        self.said, self.rechecks = [], 0
        self._spool = None
        self._opened = []
        self._writing = eventlet.patcher.original("threading").Lock()

    def open(self, max_deliveries=1000):
        """Open it as the next process would; the one before was killed."""
        self.kill()
        health = Health(LOG)
        health.record_incident = lambda part, summary, detail: self.said.append(
            f"{summary}: {detail}")
        spool = Spool(directory=str(self.directory), max_deliveries=max_deliveries,
                      dedup_kept=3600.0, health=health,
                      run_forever=lambda name, task: eventlet.spawn(task),
                      recheck_all=self._recheck)
        self._spool = spool
        self._opened.append(spool)
        for name in ("commit", "replace"):
            setattr(spool._store, name, self._unless_killed(spool, getattr(spool._store, name)))
        spool.open()
        return spool

    def _unless_killed(self, spool, write):
        def unless_killed(*args):
            with self._writing:
                if spool is not self._spool:
                    raise SpoolError("killed")
                return write(*args)

        return unless_killed

    def _recheck(self):
        self.rechecks += 1

    def kill(self):
        """Leave the files as they would be after a SIGKILL: those of the process are others."""
        with self._writing:
            if self._spool and self.directory.exists():
                aside = f"{self.directory}-{len(self._opened)}"
                os.rename(self.directory, aside)
                shutil.copytree(aside, self.directory, copy_function=copy)
                self.directory.chmod(0o700)
            self._spool = None

    def close(self):
        """Close the files of all that were killed, too."""
        with self._writing:
            self._spool = None
        for spool in self._opened:
            spool._store.close()


def copy(source, target):
    """As another process finds a file: an index of the log is of no use to it."""
    if not source.endswith("-shm"):
        shutil.copy(source, target)


@pytest.fixture
def spools(tmp_path):
    with contextlib.closing(Spools(tmp_path / "spool")) as spools:
        yield spools


@pytest.fixture
def spool(spools):
    return spools.open()


class TestInsert:
    def test_is_on_disk_when_it_returns(self, spool, spools):
        assert spool.insert(delivery("one", body=b"the body")) is True
        found, = waiting(spools.open())
        assert found[1:4] == (ROOM, "room_message", "one")
        assert found.body == b"the body"
        assert found.received_at == pytest.approx(time.time(), abs=5)

    def test_keeps_the_order_of_arrival_within_a_room(self, spool):
        rooms = itertools.cycle([1, 2, 3])
        threads = [eventlet.spawn(spool.insert, delivery(str(number), room_id=next(rooms)))
                   for number in range(60)]
        assert all(thread.wait() for thread in threads)
        for number, room in enumerate([1, 2, 3]):
            assert traces(spool, room) == [str(each) for each in range(number, 60, 3)]
        assert sorted(spool.rooms()) == [1, 2, 3]

    def test_at_the_same_time_shares_commits(self, spool):
        statements = []
        spool._store._file.db.set_trace_callback(statements.append)
        assert insert_many(spool, 200) == 200 * [True]
        assert statements.count("COMMIT") <= 3

    def test_is_always_written_by_the_same_thread(self, spool, monkeypatch):
        threads, commit = set(), spool._store._commit
        identity = eventlet.patcher.original("threading").get_ident
        monkeypatch.setattr(spool._store, "_commit",
                            lambda *args: [threads.add(identity()), commit(*args)][1])
        # Another test of this process may have started the usual twenty threads already.
        spool_module.tpool.killall()
        for number in range(30):
            spool.insert(delivery(str(number)))
        assert len(threads) == 1

    def test_of_more_than_a_batch_takes_several_commits(self, spool, monkeypatch):
        monkeypatch.setattr(spool_module, "LARGEST_BATCH", 7)
        assert insert_many(spool, 50) == 50 * [True]
        assert traces(spool) == [str(number) for number in range(50)]

    def test_does_not_hold_up_other_greenlets(self, spool, monkeypatch):
        others_had_their_turns = eventlet.patcher.original("threading").Event()
        commit = spool._store._commit
        monkeypatch.setattr(spool._store, "_commit", lambda *args: [
            others_had_their_turns.wait(60), commit(*args)][1])
        insert = eventlet.spawn(spool.insert, delivery())
        for _ in range(10):
            eventlet.sleep(0.001)
        assert not insert.dead
        others_had_their_turns.set()
        insert.wait()

    @pytest.mark.parametrize("text", ["\ud800", "a\0b", "\U0001f600", 3000 * "x"])
    def test_takes_any_text(self, spool, spools, text):
        assert spool.insert(delivery(text)) is True
        assert spool.insert(delivery(text)) is False
        assert len(waiting(spool)) == 1 and spool.next(ROOM).body == b"{}"
        assert spools.said == []


class TestDuplicate:
    def test_is_known_in_the_same_commit(self, spool):
        threads = [eventlet.spawn(spool.insert, delivery("one")) for _ in range(3)]
        assert [thread.wait() for thread in threads] == [True, False, False]

    def test_is_known_after_the_message_was_removed_and_after_a_restart(self, spool, spools):
        spool.insert(delivery("one"))
        spool.remove(waiting(spool)[0])
        spool.settle()
        assert spools.open().insert(delivery("one")) is False

    def test_is_not_known_without_a_key(self, spool):
        assert [spool.insert(delivery("")) for _ in range(2)] == [True, True]

    def test_of_a_message_that_was_refused_is_none(self, spools):
        spool = spools.open(max_deliveries=1)
        spool.insert(delivery("one"))
        with pytest.raises(SpoolFull):
            spool.insert(delivery("two"))
        spool.remove(waiting(spool)[0])
        assert spool.insert(delivery("two")) is True


class TestExpiry:
    """Of the keys of what was dispatched."""

    @staticmethod
    def dispatch(spool, message):
        """Whether a message is new; then it is dispatched."""
        if not spool.insert(delivery(message)):
            return False
        spool.remove(waiting(spool)[-1])
        spool.settle()
        return True

    def let_an_hour_pass(self, spool):
        spool._store._rotated -= 3600

    @pytest.mark.parametrize("later", [3590, 5 * 3600, -3590])
    def test_does_not_follow_a_clock_that_is_set(self, spool, monkeypatch, later):
        self.dispatch(spool, "one")
        now = time.time()
        monkeypatch.setattr(store_module.time, "time", lambda: now + later)
        assert self.dispatch(spool, "one") is False

    def test_does_not_follow_a_clock_that_is_ahead_at_a_start_until_it_is_set(
            self, spools, monkeypatch):
        spool, now = spools.open(), time.time()
        self.dispatch(spool, "one")
        self.let_an_hour_pass(spool)
        self.dispatch(spool, "two")
        spools.kill()
        monkeypatch.setattr(store_module.time, "time", lambda: now + 3 * 3600)
        spool = spools.open()
        self.dispatch(spool, "first of the run")
        assert self.dispatch(spool, "one") is False

    def test_comes_in_the_end_so_that_the_file_does_not_grow(self, spool):
        for number in range(6):
            self.dispatch(spool, str(number))
            self.let_an_hour_pass(spool)
        keys = spool._store._file.db.execute(
            "SELECT dedup_key FROM seen UNION SELECT dedup_key FROM seen_before").fetchall()
        assert sorted(key for key, in keys) == ["room_message 4", "room_message 5"]

    @pytest.mark.parametrize("turns", [0, 1, 2])
    def test_comes_in_its_time_after_a_restart_too(self, spools, turns):
        spool = spools.open()
        for number in range(turns + 1):
            if number:
                self.let_an_hour_pass(spool)
            self.dispatch(spool, str(number))
        spool = spools.open()
        assert self.dispatch(spool, str(turns)) is False
        self.let_an_hour_pass(spool)
        self.dispatch(spool, "more")
        assert self.dispatch(spool, str(turns)) is False
        self.let_an_hour_pass(spool)
        self.dispatch(spool, "still more")
        assert self.dispatch(spool, str(turns)) is True


class TestRemove:
    def test_twice_counts_once(self, spool):
        insert_many(spool, 2)
        first = waiting(spool)[0]
        for _ in range(2):
            spool.remove(first)
            spool.settle()
        assert spool.waiting == 1

    def test_frees_a_place_in_the_same_commit(self, spools):
        spool = spools.open(max_deliveries=2)
        insert_many(spool, 2)
        spool.remove(waiting(spool)[0])
        assert spool.insert(delivery("three")) is True
        assert spool.waiting == 2

    def test_is_tried_again_when_it_failed(self, spool, monkeypatch):
        monkeypatch.setattr(timing, "COMMIT_RETRY_DELAY", 0.01)
        spool.insert(delivery("one"))
        with monkeypatch.context() as context:
            failures = []
            context.setattr(spool._store, "_commit", lambda *args: [failures.append(1), 1 / 0])
            spool.remove(waiting(spool)[0])
            wait_until(lambda: len(failures) > 1)
        wait_until(lambda: spool.waiting == 0)


class TestFull:
    def test_spool_refuses_what_is_too_much_and_keeps_the_rest(self, spools):
        spool = spools.open(max_deliveries=3)
        threads = [eventlet.spawn(spool.insert, delivery(str(number))) for number in range(5)]
        assert [thread.wait() for thread in threads[:3]] == 3 * [True]
        for thread in threads[3:]:
            with pytest.raises(SpoolFull, match="The spool is full: 3 deliveries wait"):
                thread.wait()
        assert traces(spool) == ["0", "1", "2"]

    def test_spool_knows_duplicates_still(self, spools):
        spool = spools.open(max_deliveries=1)
        spool.insert(delivery("one"))
        assert spool.insert(delivery("one")) is False

    def test_disk_refuses_all_that_came_together_and_is_fine_when_there_is_room(
            self, spool, spools):
        spool.insert(delivery("before"))
        pages, = spool._store._file.db.execute("PRAGMA page_count").fetchone()
        spool._store._file.db.execute(f"PRAGMA max_page_count = {pages}")
        threads = [eventlet.spawn(spool.insert, delivery(body=50000 * b"x")) for _ in range(3)]
        for thread in threads:
            with pytest.raises(SpoolError, match="full.*Check its disk"):
                thread.wait()
        assert (spool.waiting, traces(spool)) == (1, ["before"])
        spool._store._file.db.execute("PRAGMA max_page_count = 100000")
        assert spool.insert(delivery("after")) is True
        assert traces(spools.open()) == ["before", "after"]
        assert spools.said == [], "no commit is missing"

    def test_disk_does_not_keep_deliveries_from_leaving(self, spool):
        insert_many(spool, 3)
        pages, = spool._store._file.db.execute("PRAGMA page_count").fetchone()
        spool._store._file.db.execute(f"PRAGMA max_page_count = {pages}")
        large = eventlet.spawn(spool.insert, delivery(body=50000 * b"x"))
        spool.remove(waiting(spool)[0])
        with pytest.raises(SpoolError):
            large.wait()
        wait_until(lambda: spool.waiting == 2)

    def test_memory_or_anything_else_that_is_not_foreseen_leaves_the_writer_alive(
            self, spool, monkeypatch):
        with monkeypatch.context() as context:
            context.setattr(spool._store, "_commit", lambda *args: 1 / 0)
            with pytest.raises(SpoolError):
                spool.insert(delivery())
        assert spool.insert(delivery()) is True


class TestClockSetBack:
    def test_changes_no_order_and_loses_nothing(self, spool, monkeypatch):
        insert_many(spool, 3)
        now = time.time()
        monkeypatch.setattr(store_module.time, "time", lambda: now - DAY)
        assert spool.insert(delivery("later")) is True
        assert traces(spool) == ["0", "1", "2", "later"]

    def test_makes_no_delivery_wait_less_than_no_time(self, spool, monkeypatch):
        assert spool.oldest() == 0
        spool.insert(delivery())
        now = time.time()
        monkeypatch.setattr(store_module.time, "time", lambda: now + 60)
        assert spool.oldest() == pytest.approx(60, abs=5)
        monkeypatch.setattr(store_module.time, "time", lambda: now - DAY)
        assert spool.oldest() == 0


class TestFormat:
    @pytest.mark.parametrize("version", [1, 4])
    def test_that_is_another_is_said_and_nothing_is_touched(self, spools, version):
        spool = spools.open()
        spool.insert(delivery("one"))
        spools.kill()
        set_format(spools.file, version, version if version > 3 else 0)
        with pytest.raises(SpoolError,
                           match=f"has the format {version}, but .* reads format 3"):
            spools.open()
        set_format(spools.file, 3, 3)
        assert traces(spools.open()) == ["one"]

    @pytest.mark.parametrize("version, repeated", [(2, 3), (0, 0), (7, 3), (3, 0)])
    def test_that_is_damaged_is_replaced(self, spool, spools, version, repeated):
        spool.insert(delivery("one"))
        spools.kill()
        set_format(spools.file, version, repeated)
        assert traces(spools.open()) == ["one"] and "1 deliveries" in spools.said[0]

    def test_of_version_0_2_0_is_read(self, spools):
        spools.directory.mkdir(mode=0o700)
        run_sql(spools.file, *OF_VERSION_0_2_0.split(";")[:-1])
        os.chmod(spools.file, 0o600)
        spool = spools.open()
        assert traces(spool, 1001) == ["id 1", "id 2"], "in the order of their numbers"
        assert traces(spool, 1002) == ["id 3"]
        assert waiting(spool, 1001)[0].body == b"{}"
        for known in ("1001 id 1", "1001 id 9", "1001 id 8"):
            room_id, _, message = known.partition(" ")
            assert spool.insert(Delivery("room_message", int(room_id), message, b"", 1.0,
                                         f"room_message {known}")) is False
        spool.insert(delivery("new", room_id=1001))
        assert traces(spool, 1001) == ["id 1", "id 2", "new"]
        assert (spools.said, spools.rechecks) == ([], 0)
        assert [each for each in os.listdir(spools.directory) if "-" not in each] == ["lock"]
        assert traces(spools.open(), 1001) == ["id 1", "id 2", "new"]


OF_VERSION_0_2_0 = """
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, event TEXT NOT NULL,
    room TEXT NOT NULL, trace TEXT NOT NULL, received REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX lanes ON deliveries (lane, id);
CREATE TABLE seen (message TEXT PRIMARY KEY, received REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE seen_before (message TEXT PRIMARY KEY, received REAL NOT NULL) WITHOUT ROWID;
INSERT INTO deliveries VALUES (4297064449, '1001', 'room_message', '1001', 'id 2', 1.5e9, x'7b7d');
INSERT INTO deliveries VALUES (4294967297, '1001', 'room_message', '1001', 'id 1', 1.5e9, x'7b7d');
INSERT INTO deliveries VALUES (4297064450, '1002', 'room_message', '1002', 'id 3', 1.5e9, x'7b7d');
INSERT INTO deliveries VALUES (4297064451, 'Ops', 'room_message', 'Ops', 'id 4', 1.5e9, x'7b7d');
INSERT INTO seen VALUES ('room_message 1001 id 1', 1.5e9), ('room_message 1001 id 9', 1.5e9);
INSERT INTO seen_before VALUES ('', 1.5e9), ('room_message 1001 id 8', 1.5e9);
PRAGMA user_version = 2;
"""


def set_format(file, version, repeated):
    run_sql(file, f"PRAGMA user_version = {version}", f"PRAGMA application_id = {repeated}")
    checkpoint(file)


class TestDamagedFile:
    """40 deliveries wait, two on a page."""

    @pytest.fixture
    def filled(self, spool):
        insert_many(spool, 40, body=1500 * b"x")
        return spool

    def test_keeps_a_delivery_though_its_commit_cannot_be_counted(self, spool, monkeypatch):
        monkeypatch.setattr(spool_file.os, "pwrite", no_space)
        assert spool.insert(delivery("kept")) is True and traces(spool) == ["kept"]

    @pytest.mark.parametrize("name", ["keys", "seen", "seen_before", "state"])
    def test_loses_no_delivery_with_another_table(self, filled, spools, name):
        spools.kill()
        damage(spools.file, name)
        spool = spools.open()
        assert traces(spool) == [str(number) for number in range(40)]
        assert spool.waiting == 40 and spools.rechecks == 1
        assert spools.said[0].startswith(
            f"a damaged file was replaced: {spools.file} was damaged. 40 deliveries")
        assert os.path.exists(spools.file), "it is kept"

    def test_keeps_no_key_of_a_topic(self, spool, spools):
        """The delivery for which a key is stored may be lost: the history brings the topic."""
        claims = ["fetched room_topic_change 17 ab 14 t1", "room_topic_change 17 cd 14 t2"]
        topics = [delivery()._replace(dedup_key=f"room_topic_change 17 t{place}", claim_key=claim)
                  for place, claim in enumerate(claims)]
        for topic in topics:
            spool.insert(topic)
            spool.remove(waiting(spool)[0])
        spool.settle()
        spools.kill()
        damage(spools.file, "keys")
        spool = spools.open()
        assert all(spool.insert(delivery(claim)._replace(
            alternate_keys=(claim.rpartition(" ")[0],))) for claim in claims)
        assert all(spool.insert(topic) for topic in topics)

    @pytest.mark.parametrize("places", [(3,), (0,), (-1,), (2, 9), (0, 9, -1)])
    def test_loses_what_stood_on_a_page(self, filled, spools, places):
        """And no more: what is between two such pages is found by the index."""
        spools.kill()
        checkpoint(spools.file)
        try:
            pages = [page for page, in run_sql(
                spools.file, "SELECT pageno FROM dbstat WHERE name = 'deliveries' AND "
                "pagetype = 'leaf' ORDER BY path")]
        except sqlite3.Error:
            pytest.skip("this SQLite has no dbstat")
        for place in places:
            overwrite(spools.file, (pages[place] - 1) * PAGE)
        spool = spools.open()
        assert spool.waiting == len(waiting(spool)) == 40 - 2 * len(places)
        assert traces(spool) == sorted(traces(spool), key=int)
        lost = set(map(str, range(40))).difference(traces(spool))
        assert all(spool.insert(delivery(message)) for message in lost), "the history brings it"
        assert spool.insert(delivery(traces(spool)[0])) is False

    @pytest.mark.parametrize("content", [b"x", b"SQLite format 3\0", 9000 * b"x"])
    def test_that_is_no_database_is_replaced(self, spools, content):
        spools.directory.mkdir()
        with open(spools.file, "wb") as file:
            file.write(content)
        spool = spools.open()
        assert spool.insert(delivery("one")) is True
        assert traces(spools.open()) == ["one"]

    def test_is_replaced_again_if_that_is_damaged_too(self, filled, spools):
        for number in range(2, 5):
            spools.kill()
            damage(spools.file, "keys")
            spool = spools.open()
            spools.file = str(spools.directory / f"deliveries-{number}.sqlite3")
            assert os.path.exists(spools.file) and spool.waiting == 40

    def test_knows_what_was_dispatched_before(self, filled, spools):
        filled.remove(waiting(filled)[0])
        filled.settle()
        spools.kill()
        damage(spools.file, "keys")
        spool = spools.open()
        assert spool.insert(delivery("0")) is False and spool.insert(delivery("7")) is False

    @pytest.mark.parametrize("is_replaced", [False, True])
    def test_whose_log_is_damaged_says_what_is_missing(self, filled, spools, is_replaced):
        if is_replaced:
            for _ in range(100):  # so that the count of commits gets longer than the next file's
                filled.insert(delivery("0"))
            filled._store.is_damaged = True
            filled.insert(delivery("0"))
            spools.file, spools.rechecks = str(spools.directory / "deliveries-2.sqlite3"), 0
            spools.said.clear()
        for number in range(40, 43):
            filled.insert(delivery(str(number)))
        spools.kill()
        log = spools.file + "-wal"
        with open(log, "r+b") as file:
            file.seek(-PAGE - 12, os.SEEK_END)  # in the header of its last page
            file.write(b"\xff" * 8)
        spool = spools.open()
        assert traces(spool) == [str(number) for number in range(42)]
        assert spools.said[0].startswith("the last commits were lost") and spools.rechecks == 1
        assert "1 commits are missing" in spools.said[0]

    def test_is_replaced_in_use_as_soon_as_it_is_noticed(self, filled, spools):
        damage(spools.file, "deliveries")
        filled._store._file.reader = spool_file._durable_connection(
            spools.file)  # which has no cache
        with pytest.raises(SpoolError):
            filled.next(ROOM)
        wait_until(lambda: spools.rechecks)
        assert "of 40 deliveries" in spools.said[0]
        assert traces(filled) == sorted(traces(filled), key=int)
        assert filled.insert(delivery("after")) is True

    def test_that_holds_another_letter_than_was_written_is_replaced(self, filled, spools):
        number = waiting(filled)[3].sequence_number
        filled._store._file.db.execute("UPDATE deliveries SET body = ? WHERE number = ?",
                                       (1500 * b"y", number))
        with pytest.raises(SpoolError, match="malformed"):
            filled._store.read(number)
        filled._wake_up.set()
        wait_until(lambda: spools.rechecks)
        assert traces(filled) == [str(each) for each in range(40) if each != 3]
        assert "39 of 40 deliveries" in spools.said[0]

    def test_loses_no_delivery_that_arrives_while_it_is_replaced(self, filled, spools):
        filled._store.is_damaged = True
        assert insert_many(filled, 50, room_id=18) == 40 * [False] + 10 * [True]
        assert len(waiting(filled)) == 40
        assert traces(filled, 18) == [str(number) for number in range(40, 50)]

    def test_brings_nothing_back_that_was_dispatched(self, filled, spools):
        commit = filled._store._commit
        filled._store._commit = lambda *args: [setattr(filled._store, "_commit", commit), 1 / 0]
        filled.remove(waiting(filled)[0])
        filled._store.is_damaged = True
        filled.settle()
        assert traces(filled)[:2] == ["1", "2"] and filled.insert(delivery("0")) is False

    @pytest.mark.parametrize("step", ["copy_rows", "_sync", "_make_private"])
    @pytest.mark.parametrize("killed", [False, True])
    def test_that_cannot_be_replaced_yet_is_replaced_later_without_a_loss(
            self, filled, spools, monkeypatch, step, killed):
        filled._store.is_damaged = True
        with monkeypatch.context() as context:
            context.setattr(spool_file, step, no_space)
            with pytest.raises(SpoolError, match="No space left"):
                filled.insert(delivery("refused"))
        filled = spools.open() if killed else filled
        assert filled.insert(delivery("kept")) is True
        assert traces(filled) == [str(number) for number in range(40)] + ["kept"]
        assert traces(spools.open()) == [str(number) for number in range(40)] + ["kept"]


def no_space(*_):
    raise OSError(28, "No space left on device")


class TestOddFile:
    def test_of_another_program_is_refused_and_left_alone(self, spools):
        spools.directory.mkdir()
        run_sql(spools.file, "CREATE TABLE other (one)")
        with pytest.raises(SpoolError, match="has the format 0"):
            spools.open()
        assert run_sql(spools.file, "SELECT * FROM other") == []

    def test_that_is_empty_is_made_a_spool(self, spools):
        spools.directory.mkdir()
        open(spools.file, "wb").close()
        spools.open().insert(delivery("one"))
        assert traces(spools.open()) == ["one"]

    def test_that_is_a_directory_is_refused(self, spools):
        (spools.directory / "deliveries.sqlite3").mkdir(parents=True)
        with pytest.raises(SpoolError, match="cannot be used"):
            spools.open()

    def test_in_a_directory_behind_a_link_is_used(self, spools, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        spools.directory.symlink_to(tmp_path / "elsewhere")
        spools.open().insert(delivery("one"))
        assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700

    def test_that_was_removed_with_its_log_or_alone_is_made_again(self, spool, spools):
        spool.insert(delivery("one"))
        os.remove(spools.file + "-wal")
        assert spool.insert(delivery("two")) is True
        for path in spools.directory.glob("deliveries*"):
            path.unlink()
        assert spool.insert(delivery("three")) is True
        assert traces(spools.open()) == ["one", "two", "three"]


class TestDirectory:
    def test_that_is_gone_is_made_again_with_all_that_waited(self, spool, spools):
        insert_many(spool, 5)
        shutil.rmtree(spools.directory)
        assert spool.insert(delivery("after")) is True
        assert spools.said[0].startswith("its files were removed and were created again")
        assert "5 of the 5 deliveries" in spools.said[0]
        assert spool.insert(delivery("0")) is False, "what was seen is remembered"
        assert traces(spools.open()) == ["0", "1", "2", "3", "4", "after"]

    def test_that_is_gone_and_a_full_disk_lose_nothing(self, spool, spools, monkeypatch):
        insert_many(spool, 5)
        shutil.rmtree(spools.directory)
        for step in ("lock_directory", "_make_private", "copy_rows", "_sync"):
            with monkeypatch.context() as context:
                context.setattr(spool_file, step, no_space)
                with pytest.raises(SpoolError):
                    spool.insert(delivery("refused"))
        assert spool.insert(delivery("after")) is True
        assert traces(spools.open()) == ["0", "1", "2", "3", "4", "after"]

    def test_that_another_sensor_uses_is_refused(self, spool, spools):
        second = Spools(spools.directory)
        with contextlib.closing(second), pytest.raises(
                SpoolError, match="Each sensor needs a spool.directory of its own"):
            second.open()

    def test_that_cannot_be_made_says_what_to_do(self, spools):
        spools.directory.write_text("not a directory")
        with pytest.raises(SpoolError, match=f"mkdir -p {spools.directory} && chown .* chmod 700"):
            spools.open()

    def test_on_a_network_file_system_is_reported(self, spools, monkeypatch):
        monkeypatch.setattr(directory_module, "_file_system", lambda path: "nfs4")
        spools.open()
        assert "is on a network file system (nfs4)" in spools.said[0]

    def test_is_found_where_it_is_mounted(self, tmp_path):
        assert directory_module._file_system("/proc/self") == "proc"
        assert directory_module._file_system(str(tmp_path)) not in ("", "proc")


class TestPermissions:
    def test_are_for_the_user_alone_whatever_the_umask(self, spools):
        umask = os.umask(0)
        try:
            spool = spools.open()
            spool.insert(delivery())
            assert modes(spools.directory) == {0o700, 0o600} and spools.said == []
            spool._store.is_damaged = True
            spool.insert(delivery("one"))
        finally:
            os.umask(umask)
        assert modes(spools.directory) == {0o700, 0o600}

    def test_of_existing_files_are_tightened_and_reported(self, spool, spools):
        spool.insert(delivery("one"))
        spools.kill()
        for path in spools.directory.iterdir():
            path.chmod(0o644)
        spools.directory.chmod(0o755)
        assert traces(spools.open()) == ["one"]
        assert modes(spools.directory) == {0o700, 0o600}
        log = "\n".join(spools.said)
        assert f"{spools.directory} was open to others (mode 0755); its mode is 0700 now." in log
        assert f"{spools.file} was open to others (mode 0644); its mode is 0600 now." in log

    def test_that_cannot_be_changed_are_reported_with_the_owner(self, spools, monkeypatch):
        def not_permitted(path, mode):
            raise PermissionError(1, "Operation not permitted")

        spools.directory.mkdir(mode=0o755)
        spools.directory.chmod(0o755)
        monkeypatch.setattr(directory_module.os, "chmod", not_permitted)
        assert spools.open().insert(delivery("one")) is True
        assert "cannot be changed: Operation not permitted. It is {}'s".format(
            spools.directory.owner()) in spools.said[0]

    def test_of_a_shared_directory_are_left_alone_and_reported(self, spools):
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


def modes(directory):
    return {path.stat().st_mode & 0o777 for path in [directory] + list(directory.iterdir())}


class TestWriter:
    def test_is_started_again_and_no_insert_waits_for_ever(self, tmp_path, monkeypatch):
        tasks = []
        spool = Spool(directory=str(tmp_path), max_deliveries=10, dedup_kept=3600.0,
                      health=Health(LOG), recheck_all=list,
                      run_forever=lambda name, task: tasks.append(task))
        spool.open()
        task, = tasks
        with monkeypatch.context() as context:
            context.setattr(spool_module.tpool, "execute", lambda *args: 1 / 0)
            writer = eventlet.spawn(task)
            with pytest.raises(ZeroDivisionError):
                spool.insert(delivery("one"))
            with pytest.raises(ZeroDivisionError):
                writer.wait()
        eventlet.spawn(task)
        assert spool.insert(delivery("one")) is True

    def test_settles_when_all_is_on_disk(self, spool, spools):
        inserts = [eventlet.spawn(spool.insert, delivery(str(number))) for number in range(30)]
        eventlet.sleep(0)
        spool.settle()
        assert all(insert.dead for insert in inserts)
        for each in waiting(spool)[:28]:
            spool.remove(each)
        spool.settle()
        assert spool.waiting == 2
        spool = spools.open()
        assert (spool.waiting, traces(spool)) == (2, ["28", "29"])

    def test_that_waits_for_a_hanging_disk_delays_only_the_inserts_in_its_commit(
            self, spool, monkeypatch):
        monkeypatch.setattr(timing, "COMMIT_TIMEOUT", 0.05)
        disk, commit = eventlet.patcher.original("threading").Event(), spool._store.commit
        monkeypatch.setattr(spool._store, "commit", lambda *args: disk.wait(60) and commit(*args))
        written = eventlet.spawn(spool.insert, delivery("one"))
        wait_until(lambda: spool.arriving and not spool._inserts)
        for message in ("that waits", "that comes"):
            with pytest.raises(SpoolError, match="does not answer"), eventlet.Timeout(30):
                spool.insert(delivery(message))
            assert spool.hangs
        disk.set()
        assert written.wait() is True and not spool.hangs
        assert spool.insert(delivery("that comes")) is True
        assert traces(spool) == ["one", "that comes"]
