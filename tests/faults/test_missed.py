"""What is said while nobody listens is fetched from HipChat's history: once, and in order.

KILLS=20 kills the sensor so often in the midst of talk, and not eight times.
"""
import os
import random
import threading
import time

import pytest
from conftest import wait_until
from load import Journal

ROOMS = ("Factor", "Ops", "Sales")
KILLS = int(os.environ.get("KILLS", "8"))


@pytest.fixture
def hipchat(start_hipchat):
    return start_hipchat(*(option for room in ROOMS for option in ("--room", room)))


@pytest.fixture
def start(hipchat, start_stackstorm):
    """Start a StackStorm that listens to the rooms, and wait until it has looked at them all."""
    def start(rooms=ROOMS, **more):
        stackstorm = start_stackstorm(hipchat, rooms=list(rooms), **more)
        wait_until(stackstorm.has_its_webhooks)
        wait_until(lambda: is_sure(stackstorm, len(rooms)))
        return stackstorm

    return start


def is_sure(stackstorm, rooms=1):
    """Whether it has looked at all that was said in so many rooms."""
    told = stackstorm.health().get("history", {"rooms": 0})
    return told["rooms"] >= rooms and not told["doubtful"]


def messages(stackstorm):
    return [payload["message"] for payload in stackstorm.payloads("hipchat.message")]


def say(hipchat, room, count, word="missed"):
    said = ["{} {} in {}".format(word, number, room) for number in range(count)]
    for text in said:
        hipchat.people.say(room, "Ann", text)
    return said


def test_all_that_was_said_while_the_sensor_was_stopped_comes_before_what_is_said_after(
        hipchat, start):
    stackstorm = start()
    stackstorm.stop()
    missed = {room: say(hipchat, room, 100) for room in ROOMS}
    for number in range(20):
        hipchat.api("POST", "/room/Ops/notification", json={
            "message": "notified {}".format(number), "message_format": "text"})
    for room in ROOMS:
        hipchat.people.act(room, "Ann", "topic_change", topic="Lunch in " + room)
    stackstorm.start()
    after = {room: say(hipchat, room, 5, "said") for room in ROOMS}
    wait_until(lambda: is_sure(stackstorm, 3), 30)
    after = {room: after[room] + say(hipchat, room, 1, "finally") for room in ROOMS}
    wait_until(lambda: stackstorm.health()["waiting"] == 0 and
               len(messages(stackstorm)) >= 300 + 18)
    heard = messages(stackstorm)
    for room in ROOMS:
        assert [text for text in heard if text.endswith("in " + room)] == missed[room] + after[room]
    notified = stackstorm.payloads("hipchat.notification")
    assert [each["message"] for each in notified] == [
        "notified {}".format(number) for number in range(20)]
    topics = stackstorm.payloads("hipchat.topic_change")
    assert sorted(each["item"]["topic"] for each in topics) == sorted(
        "Lunch in " + room for room in ROOMS)
    assert stackstorm.health()["history"]["fetched"] >= 323


def test_a_payload_of_the_history_is_that_of_a_webhook_but_for_the_time(hipchat, start):
    stackstorm = start(rooms=["Factor"])
    hipchat.people.say("Factor", "Ann", "heard @all")
    live, = stackstorm.heard("hipchat.message")
    stackstorm.stop()
    hipchat.people.say("Factor", "Ann", "heard @all")
    stackstorm.start()
    fetched, = stackstorm.heard("hipchat.message")
    for payload in (live, fetched):
        assert payload["item"]["message"].pop("id") and payload["item"]["message"].pop("date")
        # Which installation, and which webhook told it, is all that differs.
        assert set(payload) == set(live)
    assert fetched["item"] == live["item"]
    assert (fetched["event"], fetched["message"]) == (live["event"], live["message"])


def test_nothing_is_lost_by_kills_while_people_talk(hipchat, start, tmp_path):
    journal = Journal(tmp_path)
    stackstorm = start(events=["message"], options=journal.options)
    said, ended = {room: [] for room in ROOMS}, threading.Event()

    def talk():
        while not ended.is_set():
            for room in ROOMS:
                said[room].append(hipchat.people.say(room, "Ann", "hello"))
            ended.wait(0.03)

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        for _ in range(KILLS):
            before = len(said[ROOMS[0]])
            wait_until(lambda: len(said[ROOMS[0]]) > before + 3)
            time.sleep(random.uniform(0, 0.2))  # a random moment, and no condition
            stackstorm.process.kill()
            stackstorm.process.wait()
            stackstorm.start()
    finally:
        ended.set()
        talking.join()
    journal.wait_for(said.values(), 60)
    repeats = len(journal.dispatched()) - sum(map(len, said.values()))
    assert repeats <= 10 * KILLS, "what was under way at a kill is dispatched again, and no more"


def test_a_room_that_is_seen_for_the_first_time_tells_nothing_old(hipchat, start):
    say(hipchat, "Factor", 3, "old")
    stackstorm = start(rooms=["Factor"])
    said = say(hipchat, "Factor", 1, "new")
    stackstorm.heard("hipchat.message")
    assert messages(stackstorm) == said


def test_what_is_older_than_catch_up_is_counted_and_not_dispatched(hipchat, start):
    stackstorm = start(rooms=["Factor"], catch_up=1)
    stackstorm.stop()
    say(hipchat, "Factor", 4, "stale")
    time.sleep(1.5)  # until that is older than a second
    stackstorm.start()
    wait_until(lambda: is_sure(stackstorm))
    assert stackstorm.health()["dropped"] == {"too old": 4} and not stackstorm.payloads()
    assert "4 are older than 1 s (catch_up)" in stackstorm.log()


@pytest.mark.parametrize("ahead", [3700, -3700])
def test_a_clock_that_is_an_hour_off_makes_nothing_stale(
        hipchat, start, tmp_path, monkeypatch, ahead):
    stackstorm = start(rooms=["Factor"])
    stackstorm.stop()
    said = say(hipchat, "Factor", 3)
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nreal = time.time\ntime.time = lambda: real() + {}\n".format(ahead))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    stackstorm.start()
    stackstorm.heard("hipchat.message", 3)
    assert messages(stackstorm) == said
    assert stackstorm.health()["dropped"] == {}


def test_more_than_one_answer_holds_is_fetched_to_the_last(hipchat, start, tmp_path):
    journal = Journal(tmp_path)
    stackstorm = start(rooms=["Factor"], options=journal.options)
    stackstorm.stop()
    said = [hipchat.people.say("Factor", "Ann", "missed") for _ in range(1500)]
    stackstorm.start()
    journal.wait_for([said], 30)
    assert journal.dispatched() == said


class TestTrouble:
    @pytest.fixture
    def missed(self, hipchat, start):
        """A stopped StackStorm, and what was said since in each room."""
        stackstorm = start()
        stackstorm.stop()
        stackstorm.missed = [text for room in ROOMS for text in say(hipchat, room, 10)]
        return stackstorm

    def test_a_hipchat_that_is_away_at_the_start_is_asked_when_it_is_back(self, hipchat, missed):
        hipchat.people.faults({"paths": "/v2/", "status": 503})
        missed.start()
        wait_until(lambda: missed.health().get("status") == "degraded")
        hipchat.people.heal()
        wait_until(lambda: len(messages(missed)) == 30, 30)
        assert sorted(messages(missed)) == sorted(missed.missed)
        wait_until(lambda: missed.health()["status"] == "ok", 30)

    def test_a_rate_limit_in_the_middle_ends_nothing(self, hipchat, missed):
        hipchat.people.faults({"paths": "/history/latest$", "rate_limited": True, "times": 2})
        missed.start()
        wait_until(lambda: len(messages(missed)) == 30, 30)
        assert sorted(messages(missed)) == sorted(missed.missed)

    def test_a_token_that_may_not_read_the_history_is_told_and_all_else_works(
            self, start_hipchat, start_stackstorm):
        scopes = "view_room,view_group,admin_room,send_notification,send_message"
        hipchat = start_hipchat("--room", "Factor", "--token", "READER:" + scopes)
        stackstorm = start_stackstorm(hipchat, rooms=["Factor"], api_key="READER")
        wait_until(lambda: "history: what is missed in a room cannot be fetched" in
                   stackstorm.health().get("reasons", ()))
        assert "view_messages" in stackstorm.log()
        wait_until(stackstorm.has_its_webhooks)
        hipchat.people.say("Factor", "Ann", "hello")
        assert stackstorm.heard("hipchat.message")

    def test_marks_that_are_damaged_are_told_and_begun_anew(self, hipchat, missed):
        marks = missed.directory / "spool" / "marks.json"
        assert marks.stat().st_mode & 0o777 == 0o600
        marks.write_bytes(b"{\xff")
        missed.start()
        wait_until(lambda: is_sure(missed, 3))
        assert "history: where it was read up to is not known any more" in (
            missed.health()["reasons"])
        said = say(hipchat, "Ops", 1, "new")
        missed.heard("hipchat.message")
        assert messages(missed) == said


def test_what_was_refused_while_the_spool_could_not_be_written_is_fetched(hipchat, start):
    stackstorm = start(rooms=["Factor"], spool={"max_deliveries": 5})
    stackstorm.api("POST", "/sandbox/dispatch_faults", json={"mode": "fail"})
    said = say(hipchat, "Factor", 20)
    wait_until(lambda: "spool: deliveries are refused" in stackstorm.health()["reasons"])
    stackstorm.api("POST", "/sandbox/dispatch_faults", json={"mode": "none"})
    wait_until(lambda: len(messages(stackstorm)) == 20, 60)
    assert sorted(messages(stackstorm)) == sorted(said)
