"""The report of /health, and the log lines of problems."""
import logging

import pytest
from support.clock import Clock
from support.context import LOG

from listening.operations import health as module
from listening.operations.health import Health


@pytest.fixture
def health():
    return Health(LOG)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(module, "time", Clock())
    return module.time


def test_report_has_uptime_counts_and_the_metrics_of_other_parts(clock, health):
    assert health.report() == {"status": "ok", "reasons": [], "uptime": 0, "accepted": 0,
                               "dispatched": 0, "dropped": {}, "refused": {}}
    clock.now += 59.6
    for outcome, number in (("accepted", 5), ("dispatched", 3), ("filtered", 2)):
        health.count("room_message", outcome, number)
    health.add_metrics(waiting=lambda: 7)
    assert health.report() == {"status": "ok", "reasons": [], "uptime": 60, "accepted": 5,
                               "dispatched": 3, "dropped": {"filtered": 2},
                               "refused": {}, "waiting": 7}


def test_troubles_are_reported_in_words_without_their_details(health):
    health.set_problem("spool", "deliveries are refused", "The disk of /secret is full.")
    health.set_problem("HipChat", "its rate limit is reached", "Token abc.")
    report = health.report()
    assert report["status"] == "degraded"
    assert report["reasons"] == ["HipChat: its rate limit is reached",
                                 "spool: deliveries are refused"]
    health.clear_problem("spool")
    health.clear_problem("HipChat")
    assert health.report()["status"] == "ok"


def test_a_problem_is_logged_once_with_its_detail_and_so_is_its_end(health, log):
    for number in range(3):
        health.set_problem("broker", "dispatching fails", f"Error {number}.")
    for _ in range(3):
        health.clear_problem("broker")
    assert log() == [("WARNING", "broker: dispatching fails. Error 0."),
                     ("INFO", "broker: works again.")]


def test_a_trouble_that_changes_is_warned_of_again(health, log):
    health.set_problem("HipChat", "webhooks cannot be managed", "No answer.")
    health.set_problem("HipChat", "its rate limit is reached", "Wait.")
    assert [level for level, _ in log()] == ["WARNING", "WARNING"]


def test_a_trouble_that_comes_and_goes_is_no_flood_of_warnings(clock, health, log):
    for _ in range(600):  # a minute's worth of a spool that is full at every second delivery
        health.set_problem("spool", "deliveries are refused", "The spool is full.")
        health.clear_problem("spool")
        clock.now += 0.2
    assert len([level for level, _ in log() if level == "WARNING"]) == 2
