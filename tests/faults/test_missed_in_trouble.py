"""Missed messages are backfilled after kills, errors of HipChat and a full spool.

KILLS=20 kills the sensor so often in the midst of talk, and not eight times.
"""
import os
import random
import json
import socket
import threading
import time

import pytest
from support import missed
from support.missed import ROOMS, is_sure, say
from support.waiting import wait_until

KILLS = int(os.environ.get("KILLS", "8"))


@pytest.fixture
def hipchat(start_hipchat):
    return start_hipchat(*missed.OPTIONS)


@pytest.fixture
def start(hipchat, start_stackstorm):
    return missed.starter(hipchat, start_stackstorm)


def test_nothing_is_lost_by_kills_while_people_talk(hipchat, start, journal):
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
            stackstorm.kill()
            stackstorm.start()
    finally:
        ended.set()
        talking.join()
    journal.wait_for(said.values())
    repeats = len(journal.dispatched()) - sum(map(len, said.values()))
    assert repeats <= 10 * KILLS, "what was under way at a kill is dispatched again, and no more"


class TestTrouble:
    @pytest.fixture
    def stopped(self, hipchat, start):
        """A stopped StackStorm; missed: the messages posted since in each room."""
        stackstorm = start()
        stackstorm.stop()
        stackstorm.missed = [text for room in ROOMS for text in say(hipchat, room, 10)]
        return stackstorm

    def test_a_hipchat_that_is_away_at_the_start_is_asked_when_it_is_back(self, hipchat, stopped):
        hipchat.people.faults({"paths": "/v2/", "status": 503})
        stopped.start()
        wait_until(lambda: stopped.health().get("status") == "degraded")
        hipchat.people.heal()
        wait_until(lambda: len(stopped.texts()) == 30)
        assert sorted(stopped.texts()) == sorted(stopped.missed)
        wait_until(lambda: stopped.health()["status"] == "ok")

    def test_a_rate_limit_in_the_middle_ends_nothing(self, hipchat, stopped):
        hipchat.people.faults({"paths": "/history/latest$", "rate_limited": True, "times": 2})
        stopped.start()
        wait_until(lambda: len(stopped.texts()) == 30)
        assert sorted(stopped.texts()) == sorted(stopped.missed)

    def test_a_token_that_may_not_read_the_history_is_a_problem_and_all_else_works(
            self, start_hipchat, start_stackstorm):
        scopes = "view_room,view_group,admin_room,send_notification,send_message"
        hipchat = start_hipchat("--room", "Factor", "--token", "READER:" + scopes)
        stackstorm = start_stackstorm(hipchat, rooms=["Factor"], api_key="READER")
        wait_until(lambda: "history: a room's history cannot be read" in
                   stackstorm.health().get("reasons", ()))
        assert "view_messages" in stackstorm.log()
        wait_until(stackstorm.has_its_webhooks)
        hipchat.people.say("Factor", "Ann", "hello")
        assert stackstorm.received("hipchat.message")

    def test_damaged_cursors_are_reported_and_their_rooms_begin_again(self, hipchat, stopped):
        datastore = stopped.directory / "datastore.json"
        damaged = {key: "{" if key.startswith("hipchat_cursors_") else value
                   for key, value in json.loads(datastore.read_text()).items()}
        datastore.write_text(json.dumps(damaged))
        stopped.start()
        wait_until(lambda: is_sure(stopped, 3))
        assert "history: cursors were lost" in (
            stopped.health()["reasons"])
        said = say(hipchat, "Ops", 1, "new")
        stopped.received("hipchat.message")
        assert stopped.texts() == said


def test_messages_refused_by_a_full_spool_are_backfilled(hipchat, start):
    stackstorm = start(rooms=["Factor"], spool={"max_deliveries": 5})
    stackstorm.set_fault("fail")
    said = say(hipchat, "Factor", 20)
    wait_until(lambda: "spool: deliveries are refused" in stackstorm.health()["reasons"])
    stackstorm.set_fault("none")
    wait_until(lambda: len(stackstorm.texts()) == 20)
    assert sorted(stackstorm.texts()) == sorted(said)


def test_a_port_in_use_is_logged_and_messages_posted_before_it_is_free_are_backfilled(
        hipchat, start):
    stackstorm = start(rooms=["Factor"])
    stackstorm.stop()
    hipchat.people.forget()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", stackstorm.config["webhook"]["port"]))
        squatter.listen(1)
        stackstorm.start()
        line, = wait_until(lambda: stackstorm.log_lines("Cannot listen on"))
        port = stackstorm.config["webhook"]["port"]
        assert f"127.0.0.1:{port}" in line and "in use" in line and "webhook.port" in line
        wait_until(lambda: [call for call in hipchat.people.requests()
                            if "/history" in call["path"] and call["status"]])
        said = say(hipchat, "Factor", 1)
    assert stackstorm.texts(count=1) == said
    wait_until(lambda: stackstorm.health()["status"] == "ok")
