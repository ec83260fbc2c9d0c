"""The spool's disk and files go wrong: deliveries are refused with 503, or the spool replaces them.

Dispatching fails in most of these tests at first, so that deliveries wait in the spool.
"""
import resource
import subprocess

import pytest
from support.load import delivery, post, signed_url
from support.spool_files import checkpoint, damage, overwrite
from support.waiting import wait_until
LIMIT = 2 * 1024 * 1024
REPLACED = "spool: a damaged file was replaced"


@pytest.fixture
def start(hipchat, room, journal, start_ready):
    """Start a sensor that listens in the room, with these settings of the spool."""

    def start(**spool):
        return start_ready(hipchat, rooms=[room], events=["message"], spool=spool,
                           options=journal.options)

    return start


class Sender:
    """Posts deliveries to the room; accepted: the message ids that got a 204."""

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


def spool_troubles(stackstorm):
    """What /health says of the spool."""
    return [reason for reason in stackstorm.health().get("reasons", [])
            if reason.startswith("spool: ")]


def limit_files(stackstorm, size):
    """No file of the process can grow beyond this size, as on a full disk."""
    _, hard = resource.prlimit(stackstorm.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stackstorm.process.pid, resource.RLIMIT_FSIZE, (size, hard))


class TestFull:
    def test_disk_means_503_and_what_was_accepted_before_is_dispatched(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        stackstorm.set_fault("fail")
        limit_files(stackstorm, LIMIT)
        answers = [sender.post("x" * 50000) for _ in range(2 * LIMIT // 50000)]
        assert set(answers) == {204, 503}
        assert answers[-1] == 503
        assert spool_troubles(stackstorm) == ["spool: deliveries are refused"]
        limit_files(stackstorm, resource.RLIM_INFINITY)
        assert sender.post() == 204
        assert spool_troubles(stackstorm) == []
        stackstorm.set_fault("none")
        journal.wait_for([sender.accepted])
        assert journal.dispatched() == sender.accepted, "nothing that was refused was kept"

    def test_disk_and_a_kill_lose_nothing(self, start, room, journal):
        stackstorm = start()
        sender = Sender(stackstorm, room)
        stackstorm.set_fault("fail")
        limit_files(stackstorm, LIMIT)
        while sender.post("x" * 50000) == 204:
            pass
        stackstorm.kill()
        stackstorm.start()
        journal.wait_for([sender.accepted])

    def test_spool_means_503_until_deliveries_have_left_it(self, start, room, journal):
        stackstorm = start(max_deliveries=3)
        sender = Sender(stackstorm, room)
        stackstorm.set_fault("fail")
        assert [sender.post() for _ in range(5)] == [204, 204, 204, 503, 503]
        assert spool_troubles(stackstorm) == ["spool: deliveries are refused"]
        assert stackstorm.log().count("The spool is full: 3 deliveries wait.") == 1
        stackstorm.set_fault("none")
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
        stackstorm.set_fault("fail")
        while sender.post("x" * 100000) == 204:
            pass
        assert len(sender.accepted) > 10
        assert "has less than 16 MiB left" in stackstorm.log()
        stackstorm.set_fault("none")
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["waiting"] == 0)
        assert sender.post() == 204
        journal.wait_for([sender.accepted])
        wait_until(lambda: stackstorm.health()["waiting"] == 0)  # it has left the disk, too
        stackstorm.kill()
        stackstorm.start()
        wait_until(lambda: stackstorm.health().get("status") == "ok")
        assert journal.dispatched() == sender.accepted, "nothing comes again"


class TestFile:
    """Damage to the file in which messages wait that people have posted: none is lost."""

    @pytest.fixture
    def said(self, start, room, hipchat):
        """A sensor in whose spool many messages wait, and their IDs; say() posts one more."""
        stackstorm = start()
        wait_until(lambda: stackstorm.health()["history"]["rooms"] and not (
            stackstorm.health()["history"]["doubtful"]))
        stackstorm.set_fault("fail")
        stackstorm.file = stackstorm.directory / "spool" / "deliveries.sqlite3"
        stackstorm.said = []

        def say():
            stackstorm.said.append(hipchat.people.say(room, "Ann", "deploy"))

        stackstorm.say = say
        for _ in range(30):
            say()
        wait_until(lambda: stackstorm.health()["waiting"] == 30)
        return stackstorm

    @pytest.fixture
    def killed(self, said):
        said.kill()
        return said

    def check(self, stackstorm, journal, *reasons):
        """Check that all was dispatched in order, then one more; /health gives these reasons."""
        journal.wait_for([stackstorm.said])
        stackstorm.say()
        journal.wait_for([stackstorm.said])
        assert journal.dispatched() == stackstorm.said
        wait_until(lambda: stackstorm.health().get("reasons") == list(reasons))

    @pytest.mark.parametrize("table, saved", [("keys", 30), ("deliveries", None)])
    def test_that_is_damaged_is_replaced(self, killed, journal, table, saved):
        damage(killed.file, table)
        killed.start()
        self.check(killed, journal, REPLACED)
        assert saved is None or f"{saved} deliveries that waited could be read" in killed.log()
        assert killed.file.exists(), "it is kept"
        assert (killed.file.parent / "deliveries-2.sqlite3").exists()

    def test_that_is_damaged_in_use_is_replaced(self, said, journal):
        damage(said.file, "keys")
        said.say()
        said.set_fault("none")
        self.check(said, journal, REPLACED)

    @pytest.mark.parametrize("damaged", [1, 110, 4000])
    def test_with_a_damaged_byte_in_its_first_page_is_replaced(self, killed, journal, damaged):
        checkpoint(killed.file)
        flip(killed.file, damaged)
        killed.start()
        self.check(killed, journal, REPLACED)

    @pytest.mark.parametrize("place", [20, 40])
    def test_whose_log_is_damaged_lacks_what_the_history_brings(self, killed, journal, place):
        flip(killed.file.parent / "deliveries.sqlite3-wal", place)
        killed.start()
        self.check(killed, journal, "spool: the last commits were lost")

    def test_whose_first_page_is_damaged_in_use_holds_up_no_room(self, said, journal):
        checkpoint(said.file)
        overwrite(said.file, 0)
        overwrite(said.file.parent / "deliveries.sqlite3-wal", 0, 40000 * b"\xff")
        said.say()
        said.set_fault("none")
        self.check(said, journal, REPLACED)
        said.kill()
        said.start()
        self.check(said, journal)


class TestUnusableDirectory:
    def test_means_503_and_the_remedy_until_it_can_be_made(
            self, hipchat, room, journal, start_stackstorm, tmp_path):
        (tmp_path / "occupied").touch()
        directory = tmp_path / "occupied" / "spool"
        stackstorm = start_stackstorm(hipchat, rooms=[room], events=["message"],
                                      options=journal.options, spool={"directory": str(directory)})
        wait_until(lambda: spool_troubles(stackstorm) == ["spool: cannot be opened"])
        assert f"chmod 700 {directory}" in stackstorm.log()
        assert "listener: deliveries are not accepted" in stackstorm.health()["reasons"]
        (tmp_path / "occupied").unlink()
        wait_until(stackstorm.has_its_webhooks)
        sender = Sender(stackstorm, room)
        assert sender.post() == 204
        journal.wait_for([sender.accepted])


class TestTwoSensors:
    def test_on_one_spool_are_refused_until_the_first_has_ended(
            self, hipchat, start, room, start_stackstorm, journal):
        first = start()
        second = start_stackstorm(hipchat, rooms=[room], options=journal.options,
                                  spool={"directory": str(first.directory / "spool")})
        wait_until(lambda: spool_troubles(second) == ["spool: cannot be opened"])
        assert "Each sensor needs a spool.directory of its own" in second.log()
        assert spool_troubles(first) == []
        first.set_fault("fail")
        sender = Sender(first, room)
        assert sender.post() == 204
        first.kill()
        journal.wait_for([sender.accepted])
        wait_until(lambda: spool_troubles(second) == [])


def flip(file, place):
    """Change all bits of a byte: of random ones, any other value may be there by chance."""
    with open(str(file), "r+b") as opened:
        opened.seek(place)
        byte, = opened.read(1)
        opened.seek(place)
        opened.write(bytes([byte ^ 0xff]))
