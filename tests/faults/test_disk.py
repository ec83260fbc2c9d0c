"""The spool's disk and files go wrong: deliveries are refused with 503, or the spool mends itself.

Dispatching fails in most of these tests at first, so that deliveries wait in the spool.
"""
import resource
import shutil
import sqlite3
import subprocess

import pytest
from support.load import Journal, delivery, post, signed_url
from support.waiting import wait_until

PAGE = 4096
LIMIT = 2 * 1024 * 1024


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


@pytest.fixture
def room(hipchat):
    return hipchat.make_room()


@pytest.fixture
def start(hipchat, room, journal, start_stackstorm):
    """Start a sensor that listens in the room, with these settings of the spool."""

    def start(**spool):
        stackstorm = start_stackstorm(hipchat, rooms=[room], events=["message"], spool=spool,
                                      options=journal.options)
        wait_until(stackstorm.has_its_webhooks)
        return stackstorm

    return start


class Sender:
    """Posts deliveries to the room; accepted: the ids of those that were answered 204."""

    def __init__(self, stackstorm, room):
        self._room, self._url = room, signed_url(stackstorm, room)
        self._sent = 0
        self.accepted = []

    def post(self, text="deploy"):
        """The status of the answer to one more delivery."""
        self._sent += 1
        message_id = f"message-{self._sent}"
        status = post(self._url, delivery(message_id, self._room, text))
        if status == 204:
            self.accepted.append(message_id)
        return status


def fail_dispatches(stackstorm):
    stackstorm.api("POST", "/sandbox/dispatch_faults", json={"mode": "fail"})


def heal(stackstorm):
    stackstorm.api("POST", "/sandbox/dispatch_faults", json={"mode": "none"})


def kill(stackstorm):
    stackstorm.process.kill()
    stackstorm.process.wait()


def spool_troubles(stackstorm):
    """What /health says of the spool."""
    return [reason for reason in stackstorm.health().get("reasons", [])
            if reason.startswith("spool: ")]


def limit_files(stackstorm, size):
    """No file of the process can grow beyond this size, as on a full disk."""
    _, hard = resource.prlimit(stackstorm.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stackstorm.process.pid, resource.RLIMIT_FSIZE, (size, hard))


class TestFull:
    def test_disk_means_503_and_what_was_accepted_before_is_dispatched(
            self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        limit_files(stackstorm, LIMIT)
        answers = [sender.post("x" * 50000) for _ in range(2 * LIMIT // 50000)]
        assert set(answers) == {204, 503}
        assert answers[-1] == 503
        assert spool_troubles(stackstorm) == ["spool: deliveries are refused"]
        limit_files(stackstorm, resource.RLIM_INFINITY)
        assert sender.post() == 204
        assert spool_troubles(stackstorm) == []
        heal(stackstorm)
        journal.wait_for([sender.accepted])
        assert journal.dispatched() == sender.accepted, "nothing that was refused was kept"

    def test_disk_and_a_kill_lose_nothing(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        limit_files(stackstorm, LIMIT)
        while sender.post("x" * 50000) == 204:
            pass
        kill(stackstorm)
        stackstorm.start()
        journal.wait_for([sender.accepted])

    def test_spool_means_503_until_deliveries_have_left_it(self, start, room, journal):
        stackstorm = start(max_deliveries=3)
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert [sender.post() for _ in range(5)] == [204, 204, 204, 503, 503]
        assert spool_troubles(stackstorm) == ["spool: deliveries are refused"]
        assert stackstorm.log().count("The spool is full: 3 deliveries wait.") == 1
        heal(stackstorm)
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["waiting"] == 0)
        assert sender.post() == 204
        assert spool_troubles(stackstorm) == []
        journal.wait_for([sender.accepted])


class TestSmall:
    """A disk that the spool itself fills."""

    @pytest.fixture
    def disk(self, tmp_path):
        place = tmp_path / "disk"
        place.mkdir()
        if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
                           stderr=subprocess.DEVNULL):
            pytest.skip("needs the right to mount a file system")
        yield place
        subprocess.check_call(["umount", "-l", str(place)])

    def test_disk_means_503_until_what_waits_has_left_it(self, disk, start, room, journal):
        stackstorm = start(directory=str(disk / "spool"))
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        while sender.post("x" * 100000) == 204:
            pass
        assert len(sender.accepted) > 10
        assert "has less than 16 MiB left" in stackstorm.log()
        heal(stackstorm)
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["waiting"] == 0)
        assert sender.post() == 204
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["waiting"] == 0)  # it has left the disk, too
        kill(stackstorm)
        stackstorm.start()
        wait_until(lambda: stackstorm.health().get("status") == "ok")
        assert journal.dispatched() == sender.accepted, "nothing comes again"


class TestDirectory:
    def test_that_is_gone_is_made_again_with_all_that_waited(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert [sender.post() for _ in range(5)] == 5 * [204]
        shutil.rmtree(str(stackstorm.directory / "spool"))
        assert [sender.post() for _ in range(5)] == 5 * [204]
        assert "was removed while in use" in stackstorm.log()
        kill(stackstorm)
        stackstorm.start()
        journal.wait_for([sender.accepted])

    def test_that_cannot_be_made_again_means_503_until_it_can(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert sender.post() == 204
        directory = stackstorm.directory / "spool"
        shutil.rmtree(str(directory))
        directory.write_text("not a directory")
        assert [sender.post() for _ in range(2)] == [503, 503]
        assert spool_troubles(stackstorm) == ["spool: deliveries are refused"]
        directory.unlink()
        assert sender.post() == 204
        heal(stackstorm)
        journal.wait_for([sender.accepted])
        assert spool_troubles(stackstorm) == ["spool: was mended"]


class TestFile:
    @pytest.fixture
    def filled(self, start, room):
        """A killed sensor in whose spool many deliveries wait, and what it had accepted."""
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert [sender.post() for _ in range(30)] == 30 * [204]
        kill(stackstorm)
        stackstorm.file = stackstorm.directory / "spool" / "deliveries.sqlite3"
        return stackstorm, sender

    def test_with_a_damaged_index_is_made_again_without_a_loss(self, filled, journal):
        stackstorm, sender = filled
        damage(stackstorm.file, "lanes")
        stackstorm.start()
        journal.wait_for([sender.accepted])
        assert "The spool was corrupt and was made again with the 30 deliveries" in stackstorm.log()
        assert list(stackstorm.file.parent.glob("*.corrupt-*")), "the old file is kept"

    def test_that_is_damaged_in_use_is_made_again_without_a_loss(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert [sender.post() for _ in range(30)] == 30 * [204]
        stackstorm.file = stackstorm.directory / "spool" / "deliveries.sqlite3"
        damage(stackstorm.file, "lanes")
        assert sender.post() == 204
        heal(stackstorm)
        journal.wait_for([sender.accepted])
        assert sender.post() == 204
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["reasons"] == ["spool: was mended"])

    @pytest.mark.parametrize("damaged", [1, 110, 4000])
    def test_with_a_damaged_byte_in_its_first_page_is_made_again_without_a_loss(
            self, filled, journal, damaged):
        stackstorm, sender = filled
        checkpoint(stackstorm.file)
        flip(stackstorm.file, damaged)
        stackstorm.start()
        journal.wait_for([sender.accepted])
        assert sender.post() == 204
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["reasons"] == ["spool: was mended"])

    def test_with_a_damaged_log_is_made_again_without_a_loss(self, filled, journal):
        stackstorm, sender = filled
        log = stackstorm.file.parent / "deliveries.sqlite3-wal"
        flip(log, 40)  # in the header of its first page; all else is whole
        stackstorm.start()
        journal.wait_for([sender.accepted])
        assert stackstorm.log().count("The spool was corrupt") == 1

    def test_whose_first_page_is_damaged_in_use_holds_up_no_room(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert [sender.post() for _ in range(30)] == 30 * [204]
        file = stackstorm.directory / "spool" / "deliveries.sqlite3"
        checkpoint(file)
        overwrite(file, 0, PAGE * b"\xff")
        overwrite(file.parent / "deliveries.sqlite3-wal", 0, 40000 * b"\xff")
        assert sender.post() == 204
        heal(stackstorm)
        journal.wait_for([sender.accepted])
        assert sender.post() == 204
        kill(stackstorm)
        stackstorm.start()
        journal.wait_for([sender.accepted])
        assert stackstorm.log().count("The spool was corrupt") <= 1

    def test_that_is_no_database_is_read_from_its_log(self, filled, journal):
        stackstorm, sender = filled
        stackstorm.file.write_bytes(b"garbage" * 1000)
        stackstorm.start()
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health().get("status") == "ok")

    def test_that_is_no_database_and_has_no_log_is_put_aside(self, filled, room, journal):
        stackstorm, _ = filled
        stackstorm.file.write_bytes(b"garbage" * 1000)
        (stackstorm.file.parent / "deliveries.sqlite3-wal").unlink()
        stackstorm.start()
        wait_until(lambda: stackstorm.health().get("reasons") == ["spool: was mended"])
        after = Sender(stackstorm, room)
        assert after.post() == 204
        journal.wait_for([after.accepted])

    def test_of_a_newer_format_is_left_alone_and_said_clearly(self, filled, room, journal):
        stackstorm, sender = filled
        set_format(stackstorm.file, 3)
        stackstorm.start()
        wait_until(lambda: spool_troubles(stackstorm) == ["spool: cannot be opened"])
        assert "has the format 3, but this version of the pack reads format 2" in stackstorm.log()
        assert sender.post() == 503
        set_format(stackstorm.file, 2)
        journal.wait_for([sender.accepted])
        wait_until(lambda: spool_troubles(stackstorm) == [])


class TestFallback:
    def test_directorys_deliveries_are_taken_over_once_the_wished_one_can_be_written(
            self, hipchat, room, journal, start_stackstorm, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        (tmp_path / "occupied").touch()
        stackstorm = start_stackstorm(hipchat, rooms=[room], options=journal.options,
                                      spool={"directory": str(tmp_path / "occupied" / "spool")})
        wait_until(stackstorm.has_its_webhooks)
        sender = Sender(stackstorm, room)
        fail_dispatches(stackstorm)
        assert [sender.post() for _ in range(5)] == 5 * [204]
        kill(stackstorm)
        (tmp_path / "occupied").unlink()
        stackstorm.start()
        journal.wait_for([sender.accepted])
        assert journal.dispatched() == sender.accepted
        assert f"The 5 deliveries that waited in {tmp_path / 'home'}" in stackstorm.log()
        assert list((tmp_path / "home").glob(".local/state/*")) == []


class TestTwoSensors:
    def test_on_one_spool_are_refused_until_the_first_has_ended(
            self, hipchat, start, room, start_stackstorm, journal):
        first = start()
        second = start_stackstorm(hipchat, rooms=[room], options=journal.options,
                                  spool={"directory": str(first.directory / "spool")})
        wait_until(lambda: spool_troubles(second) == ["spool: cannot be opened"])
        assert "Each sensor needs a spool.directory of its own" in second.log()
        assert spool_troubles(first) == []
        fail_dispatches(first)
        sender = Sender(first, room)
        assert sender.post() == 204
        kill(first)
        journal.wait_for([sender.accepted])
        wait_until(lambda: spool_troubles(second) == [])


def damage(file, table):
    """Overwrite the page at which a table or an index begins."""
    checkpoint(file)
    with sqlite3.connect(str(file)) as db:
        page, = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    db.close()
    overwrite(file, (page - 1) * PAGE, b"\xff" * PAGE)


def checkpoint(file):
    """Bring all from the write-ahead log into the file."""
    db = sqlite3.connect(str(file))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def overwrite(file, place, content):
    with open(str(file), "r+b") as opened:
        opened.seek(place)
        opened.write(content)


def flip(file, place):
    """Change all bits of a byte: of random ones, any other value may be there by chance."""
    with open(str(file), "r+b") as opened:
        opened.seek(place)
        byte, = opened.read(1)
        opened.seek(place)
        opened.write(bytes([byte ^ 0xff]))


def set_format(file, version):
    db = sqlite3.connect(str(file))
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
